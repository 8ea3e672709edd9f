package main

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// TestRender renders every configuration for every wire: of what is for
// others, nothing may be left.
func TestRender(t *testing.T) {
	dir := t.TempDir()
	at := place{4711, dir, certificate{"/c.pem", "/k.pem"}}
	for config, holds := range map[string]map[wire][]string{
		"nginx.conf": {
			{}:                    {"listen 127.0.0.1:4711 backlog=4096;\n"},
			{h2: true}:            {"listen 127.0.0.1:4711 backlog=4096 http2;\n"},
			{tls: true}:           {"listen 127.0.0.1:4711 backlog=4096 ssl http2;\n", "ssl_certificate /c.pem;", "ssl_certificate_key /k.pem;"},
			{tls: true, h2: true}: {"listen 127.0.0.1:4711 backlog=4096 ssl http2;\n", "ssl_certificate /c.pem;", "ssl_certificate_key /k.pem;"},
		},
		"h2o.conf": {
			{}:          {"port: 4711\n"},
			{h2: true}:  {"port: 4711\n"},
			{tls: true}: {"port: 4711\n  ssl:\n    certificate-file: /c.pem\n    key-file: /k.pem\n"},
		},
	} {
		for w, parts := range holds {
			p := peer{name: "x", argv: []string{"x", "-c", "{conf}", "--port={port}", "{cert}", "{key}"}, config: config, wire: w}
			argv, err := p.render(at)
			if err != nil {
				t.Fatal(err)
			}
			if argv[3] != "--port=4711" || argv[4] != "/c.pem" || argv[5] != "/k.pem" {
				t.Errorf("argv %q", argv)
			}
			b, err := os.ReadFile(argv[2])
			if err != nil {
				t.Fatal(err)
			}
			text := string(b)
			for _, left := range []string{"{port}", "{dir}", "{conf}", "{cert}", "{key}", "# only"} {
				if strings.Contains(text, left) {
					t.Errorf("%s, %+v: %s is left", config, w, left)
				}
			}
			for _, part := range parts {
				if !strings.Contains(text, part) {
					t.Errorf("%s, %+v: no %q in\n%s", config, w, part, text)
				}
			}
			if strings.Count(text, "4711") != 1 || !w.tls && strings.Contains(text, ".pem") {
				t.Errorf("%s, %+v: more than its own in\n%s", config, w, text)
			}
		}
	}
}

// TestPeersSpeak: each peer is told what to speak, or named as missing.
func TestPeersSpeak(t *testing.T) {
	for _, tc := range []struct {
		wire     wire
		ours     string // parts of commands
		nethttp  string
		fasthttp string // "": missing
	}{
		{wire{}, "--listen http://127.0.0.1:{port} ", "peer nethttp -addr 127.0.0.1:{port} -dir", "peer fasthttp -addr 127.0.0.1:{port}"},
		{wire{h2: true}, "--listen http://127.0.0.1:{port} ", " -h2c ", ""},
		{wire{tls: true}, "--listen https://127.0.0.1:{port} ", " -cert {cert} -key {key} ", " -cert {cert} -key {key}"},
		{wire{h2: true, tls: true}, " --cert {cert} --key {key}", " -cert {cert} -key {key} ", ""},
	} {
		r := &runner{self: "bench", binary: "uringserve", wire: tc.wire}
		if got := strings.Join(r.engine("uring", 1).argv, " "); !strings.Contains(got, tc.ours) {
			t.Errorf("%+v: ours: %s", tc.wire, got)
		}
		if p := r.engine("uring", 1); p.wire != tc.wire {
			t.Errorf("%+v: ours speaks %+v", tc.wire, p.wire)
		}
		for _, p := range r.others() {
			got := strings.Join(p.argv, " ")
			want := map[string]string{"net/http": tc.nethttp, "fasthttp": tc.fasthttp}[p.name]
			if !strings.Contains(got, want) || p.wire != tc.wire {
				t.Errorf("%+v: %s speaks %+v: %s", tc.wire, p.name, p.wire, got)
			}
			if missing := p.name == "fasthttp" && tc.fasthttp == ""; (p.missing != "") != missing {
				t.Errorf("%+v: %s is missing: %q", tc.wire, p.name, p.missing)
			}
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
	for name, p := range profiles {
		c, err := parseConfig([]string{"-profile", name}, &strings.Builder{})
		if err != nil || strings.Join(c.engines, ",") != p.engines {
			t.Errorf("%s: engines %q, %v", name, c.engines, err)
		}
		if !strings.Contains(profileNames, name) {
			t.Errorf("the help does not name %s", name)
		}
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
		err := verify(wire{}, client, "h", plaintext)
		client.Close()
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
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
