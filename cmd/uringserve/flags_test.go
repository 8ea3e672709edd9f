package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestServeFlags(t *testing.T) {
	c, err := parseServe(nil)
	if err != nil || len(c.listen) != 1 || c.listen[0].addr != "localhost:8080" || c.engine != "auto" ||
		c.maxBody != 30_000_000 || c.shutdownTimeout != 20*time.Second || c.shutdownDelay != 0 || c.takeoverOff || c.testEndpoints {
		t.Errorf("defaults: %+v %v", c, err)
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

// Whatever is wrong with a command line is said in one line, with exit code 2.
func TestUsageErrors(t *testing.T) {
	for line, says := range map[string]string{
		"--no-such-flag":                  "--no-such-flag",
		"frobnicate":                      "no command",
		"serve extra":                     "unexpected argument",
		"--engine bogus":                  "auto, uring, epoll or net",
		"--engine":                        "value is missing",
		"--loops 0":                       "from 1 to 1024",
		"--loops 1025":                    "from 1 to 1024",
		"--loops x":                       "from 1 to 1024",
		"--listen ftp://localhost":        "http://host:port",
		"--listen localhost:80":           "http://host:port",
		"--listen http://":                "http://host:port",
		"--listen http://h/path":          "http://host:port",
		"--listen http://h:65536":         "0 to 65535",
		"--listen unix:":                  "unix:/path",
		"--listen https://localhost":      "not built yet",
		"--cert f":                        "not built yet",
		"--key f":                         "not built yet",
		"--root d":                        "not built yet",
		"--proxy http://h":                "not built yet",
		"--config f":                      "not built yet",
		"--admin :1":                      "not built yet",
		"check --config f":                "not built yet",
		"--protocols h1,h2":               "not built yet",
		"--protocols h9":                  "must be h1",
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
	for _, line := range []string{"help", "--help", "serve --help", "doctor --help"} {
		var out, errs bytes.Buffer
		if code := run(strings.Fields(line), &out, &errs); code != exitOK || !strings.Contains(out.String(), "--listen") {
			t.Errorf("%s: exit %d, %q", line, code, errs.String())
		}
	}
	var out bytes.Buffer
	if code := run([]string{"version"}, &out, &out); code != exitOK || !strings.HasPrefix(out.String(), "uringserve ") {
		t.Errorf("version: %d %q", code, out.String())
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
