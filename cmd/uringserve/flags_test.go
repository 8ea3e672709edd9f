package main

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/uringserve/uringserve/conn"
)

func TestServeFlags(t *testing.T) {
	c, err := parseServe(nil)
	if err != nil || len(c.listen) != 1 || c.listen[0].addr != "localhost:8080" || c.engine != "auto" ||
		c.maxBody != 30_000_000 || c.shutdownTimeout != 20*time.Second || c.shutdownDelay != 0 || c.takeoverOff || c.testEndpoints {
		t.Errorf("defaults: %+v %v", c, err)
	}
	if c.protocols != 0 {
		t.Errorf("protocols are %v, not all", c.protocols)
	}
	c, err = parseServe(strings.Fields("--listen http://:80 --listen unix:/s --listen=http://h --engine net --loops 3 --protocols h1 " +
		"--max-body 0 --shutdown-delay 5s --shutdown-timeout 1m --takeover off --log-level warn --test-endpoints"))
	if err != nil {
		t.Fatal(err)
	}
	var addrs []string
	for _, e := range c.listen {
		addrs = append(addrs, e.addr)
	}
	if !slices.Equal(addrs, []string{":80", "unix:/s", "h:80"}) || c.engine != "net" || c.loops != 3 || c.maxBody != 0 ||
		c.shutdownDelay != 5*time.Second || c.shutdownTimeout != time.Minute || !c.takeoverOff || !c.testEndpoints || c.logLevel.String() != "WARN" {
		t.Errorf("%+v", c)
	}
}

func TestSecureFlags(t *testing.T) {
	c, err := parseServe(strings.Fields("--listen https://localhost --listen https://:8443 --listen http://:80 " +
		"--cert a --key b --key d --cert c --protocols h2"))
	if err != nil {
		t.Fatal(err)
	}
	want := []endpoint{
		{"https://localhost", "localhost:443", true}, {"https://:8443", ":8443", true}, {"http://:80", ":80", false},
	}
	if !slices.Equal(c.listen, want) || !slices.Equal(c.certs, []string{"a", "c"}) || !slices.Equal(c.keys, []string{"b", "d"}) ||
		c.protocols != conn.HTTP2 {
		t.Errorf("%+v", c)
	}
	for list, want := range map[string]conn.Protocols{"h1": conn.HTTP1, "h2": conn.HTTP2, "h1,h2": conn.HTTP1 | conn.HTTP2, "h2,h1": conn.HTTP1 | conn.HTTP2} {
		if c, err := parseServe([]string{"--protocols", list}); err != nil || c.protocols != want {
			t.Errorf("%s: %v %v", list, c.protocols, err)
		}
	}
}

// Whatever is wrong with a command line is said in one line, with exit code 2.
func TestUsageErrors(t *testing.T) {
	for line, says := range map[string]string{
		"--no-such-flag":             "no flag --no-such-flag; uringserve --help",
		"--test-endpoints=maybe":     "--test-endpoints: must be true or false",
		"frobnicate":                 "no command",
		"serve extra":                "unexpected argument",
		"--engine bogus":             "auto, uring, epoll or net",
		"--engine":                   "value is missing",
		"--loops 0":                  "from 1 to 1024",
		"--loops 1025":               "from 1 to 1024",
		"--loops x":                  "from 1 to 1024",
		"--listen ftp://localhost":   "http://host:port",
		"--listen localhost:80":      "http://host:port",
		"--listen http://":           "http://host:port",
		"--listen http://h/path":     "http://host:port",
		"--listen http://h:65536":    "0 to 65535",
		"--listen unix:":             "unix:/path",
		"--listen https://localhost": "needs --cert and --key; uringserve dev-cert",
		"--listen https://h/path":    "https://host:port",
		"--cert f":                   "there are 1 and 0",
		"--key f":                    "there are 0 and 1",
		"--cert= --key f":            "name of a file",
		"--cert f --key g":           "no use without --listen https://",
		"--listen unix:/s --cert f --key g --cert h": "there are 2 and 1",
		"dev-cert":                        "dev-cert DIR",
		"dev-cert a b":                    "dev-cert DIR",
		"dev-cert --force":                "dev-cert DIR",
		"--root d":                        "not built yet",
		"--proxy http://h":                "not built yet",
		"--config f":                      "not built yet",
		"--admin :1":                      "not built yet",
		"check --config f":                "not built yet",
		"--protocols h9":                  "must be h1, h2 or h1,h2",
		"--protocols h1,":                 "must be h1, h2 or h1,h2",
		"--max-body -1":                   "from 0",
		"--max-body many":                 "from 0",
		"--shutdown-timeout 5":            "0s to 24h",
		"--shutdown-delay -1s":            "0s to 24h",
		"--takeover maybe":                "on or off",
		"--log-level loud":                "debug, info",
		"doctor --xml":                    "--json",
		"version now":                     "no arguments",
		"serve --listen http://h:1:2 --x": "http://host:port",
	} {
		var out, errs bytes.Buffer
		code := run(strings.Fields(line), &out, &errs)
		got := errs.String()
		if code != exitUsage || !strings.Contains(got, says) || strings.Count(got, "\n") != 1 || out.Len() > 0 {
			t.Errorf("%s: exit %d, %q", line, code, got)
		}
	}
}

func TestMaxLoopsIsAllowed(t *testing.T) {
	for _, n := range []string{"1", "1023", "1024"} {
		if _, err := parseServe([]string{"--loops", n}); err != nil {
			t.Errorf("%s: %v", n, err)
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, line := range []string{"help", "--help", "-h", "serve --help", "doctor --help", "dev-cert --help", "version -h", "check --help"} {
		var out, errs bytes.Buffer
		if code := run(strings.Fields(line), &out, &errs); code != exitOK || !strings.Contains(out.String(), "--listen") {
			t.Errorf("%s: exit %d, %q", line, code, errs.String())
		}
	}
	for _, line := range []string{"version", "--version"} {
		var out bytes.Buffer
		if code := run([]string{line}, &out, &out); code != exitOK || !strings.HasPrefix(out.String(), "uringserve ") {
			t.Errorf("%s: %d %q", line, code, out.String())
		}
	}
}

func TestSocketPathLimit(t *testing.T) {
	for n := 106; n <= 108; n++ {
		_, err := parseListen("unix:" + strings.Repeat("p", n))
		if (err != nil) != (n > 107) {
			t.Errorf("a path of %d bytes: %v", n, err)
		}
	}
}

func TestSecondSignal(t *testing.T) {
	for _, c := range []struct {
		s, first os.Signal
		after    time.Duration
		second   bool
	}{
		{syscall.SIGTERM, syscall.SIGTERM, 0, false},
		{syscall.SIGTERM, syscall.SIGTERM, sameSignal - 1, false},
		{syscall.SIGTERM, syscall.SIGTERM, sameSignal, true},
		{syscall.SIGTERM, syscall.SIGTERM, sameSignal + 1, true},
		{os.Interrupt, syscall.SIGTERM, 0, true},
		{syscall.SIGTERM, os.Interrupt, 0, true},
	} {
		if isSecond(c.s, c.first, c.after) != c.second {
			t.Errorf("%v %v after %v", c.s, c.after, c.first)
		}
	}
}

func TestDoctor(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run([]string{"doctor", "--json"}, &out, &errs); code != exitOK {
		t.Fatalf("exit %d, %s", code, errs.String())
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Engine == "" || r.Reason == "" || r.Kernel == "" || r.Limits["loops"] == "" {
		t.Errorf("%+v", r)
	}
	var table bytes.Buffer
	run([]string{"doctor"}, &table, &errs)
	for _, f := range r.Features {
		if !strings.Contains(table.String(), f.Name) {
			t.Errorf("the table lacks %s", f.Name)
		}
	}
}
