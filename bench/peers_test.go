package main

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func TestRender(t *testing.T) {
	dir := t.TempDir()
	for _, config := range []string{"nginx.conf", "h2o.conf"} {
		p := peer{name: "x", argv: []string{"x", "-c", "{conf}", "--port={port}"}, config: config}
		argv, err := p.render(4711, dir)
		if err != nil {
			t.Fatal(err)
		}
		if argv[3] != "--port=4711" {
			t.Errorf("argv %q", argv)
		}
		text, err := os.ReadFile(argv[2])
		if err != nil {
			t.Fatal(err)
		}
		for _, left := range []string{"{port}", "{dir}", "{conf}"} {
			if strings.Contains(string(text), left) {
				t.Errorf("%s: %s is left", config, left)
			}
		}
		if !strings.Contains(string(text), "4711") {
			t.Errorf("%s: no port", config)
		}
	}
}

func TestParseConfig(t *testing.T) {
	c, err := parseConfig([]string{"-quick", "-rounds", "2", "-engines", "uring,net", "-peer", "my=./my -p {port}"}, &strings.Builder{})
	if err != nil {
		t.Fatal(err)
	}
	if c.rounds != 2 || c.window != time.Second || len(c.engines) != 2 || c.extra["my"] != "./my -p {port}" {
		t.Errorf("%+v", c)
	}
	for _, bad := range [][]string{{"-profile", "h9"}, {"-peer", "x"}, {"-peer", "x=no port"}, {"rest"}, {"-what"}} {
		if _, err := parseConfig(bad, &strings.Builder{}); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// TestVerify: only the right answer passes.
func TestVerify(t *testing.T) {
	const good = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 13\r\n\r\nHello, World!"
	for name, tc := range map[string]struct {
		answer string
		ok     bool
	}{
		"good":        {good, true},
		"status":      {strings.Replace(good, "200 OK", "404 No", 1), false},
		"type":        {strings.Replace(good, "text/plain", "text/html", 1), false},
		"body":        {strings.Replace(good, "World", "Wurld", 1), false},
		"closes":      {strings.Replace(good, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1), false},
		"not HTTP":    {"220 smtp\r\n", false},
		"ends before": {good[:40], false},
	} {
		client, server := net.Pipe()
		go func() {
			b := make([]byte, 1024)
			if _, err := server.Read(b); err == nil {
				_, _ = server.Write([]byte(tc.answer)) // the client may have had enough
			}
			server.Close()
		}()
		n, err := verify(client, "h", plaintext)
		client.Close()
		if (err == nil) != tc.ok || tc.ok && n != len(good) {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

func TestEngineName(t *testing.T) {
	for in, want := range map[string]struct {
		engine string
		off    bool
	}{"uring": {"uring", false}, "uring+off": {"uring", true}} {
		if engine, off := engineName(in); engine != want.engine || off != want.off {
			t.Errorf("%s: %s, %v", in, engine, off)
		}
	}
}
