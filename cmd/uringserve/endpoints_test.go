package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait; nothing normal comes near it.
const patience = 20 * time.Second

// onEngines runs test against the API on each engine that there is.
func onEngines(t *testing.T, test func(t *testing.T, url string)) {
	for _, engine := range []string{"uring", "epoll", "net"} {
		t.Run(engine, func(t *testing.T) {
			c := &config{engine: engine, maxBody: 1 << 20, testEndpoints: true, logLevel: slog.LevelError}
			s := newServer(c, io.Discard)
			addrs, err := s.Listen("127.0.0.1:0")
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skipf("the system denies it: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			test(t, urlOf("http", addrs[0]))
		})
	}
}

var client = &http.Client{Timeout: patience, Transport: &http.Transport{DisableCompression: true}}

func fetch(t *testing.T, method, url string, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return resp, string(b)
}

func TestEndpoints(t *testing.T) {
	onEngines(t, func(t *testing.T, url string) {
		for _, c := range []struct {
			method, path, body string
			status             int
			kind, want         string // prefixes
		}{
			{"GET", "/", "", 200, "text/html", "<!DOCTYPE html>"},
			{"GET", "/plaintext", "", 200, "text/plain", "Hello, World!"},
			{"HEAD", "/plaintext", "", 200, "text/plain", ""},
			{"POST", "/plaintext", "", 405, "text/plain", "the method"},
			{"GET", "/json", "", 200, "application/json", `{"message":"Hello, World!"}`},
			{"GET", "/nothing", "", 404, "text/plain", "nothing"},
			{"POST", "/echo", "", 200, "", ""},
			{"POST", "/echo", "some text", 200, "application/octet-stream", "some text"},
			{"GET", "/echo", "", 405, "text/plain", "the method"},
			{"POST", "/upload", "abc", 200, "application/json", `{"bytes":3,"sha256":"ba7816bf`},
			{"GET", "/bytes?n=0", "", 200, "application/octet-stream", ""},
			{"GET", "/bytes?n=5", "", 200, "application/octet-stream", "the q"},
			{"HEAD", "/bytes?n=1099511627776", "", 200, "application/octet-stream", ""},
			{"GET", "/bytes?n=1099511627777", "", 400, "text/plain", "n must be"},
			{"GET", "/bytes?n=-1", "", 400, "text/plain", "n must be"},
			{"GET", "/bytes?n=x", "", 400, "text/plain", "n must be"},
			{"GET", "/bytes?n=99999999999999999999", "", 400, "text/plain", "n must be"},
			{"GET", "/bytes", "", 400, "text/plain", "n must be"},
			{"GET", "/delay?ms=10", "", 200, "text/plain", "ok"},
			{"GET", "/delay?ms=60001", "", 400, "text/plain", "ms must be"},
			{"GET", "/delay", "", 400, "text/plain", "ms must be"},
			{"GET", "/spin?ms=1", "", 200, "text/plain", "ok"},
			{"GET", "/sse?n=2&ms=0", "", 200, "text/event-stream", "id: 1\ndata: event 1 of 2\n\nid: 2\n"},
			{"GET", "/sse?n=x", "", 400, "text/plain", "n must be"},
			{"GET", "/sse?ms=60001", "", 400, "text/plain", "ms must be"},
			{"GET", "/ws", "", 426, "text/plain", "here is a WebSocket"},
		} {
			resp, body := fetch(t, c.method, url+c.path, strings.NewReader(c.body))
			if resp.StatusCode != c.status || !strings.HasPrefix(resp.Header.Get("Content-Type"), c.kind) ||
				!strings.HasPrefix(body, c.want) {
				t.Errorf("%s %s: %d %q %.80q", c.method, c.path, resp.StatusCode, resp.Header.Get("Content-Type"), body)
			}
		}
	})
}

func TestPageSaysWhatRuns(t *testing.T) {
	onEngines(t, func(t *testing.T, url string) {
		_, body := fetch(t, "GET", url+"/", nil)
		for _, want := range []string{version(), "HTTP/1.1", `href="/plaintext"`, "POST /echo"} {
			if !strings.Contains(body, want) {
				t.Errorf("the page lacks %q:\n%s", want, body)
			}
		}
	})
}

// The policy names what stands in the page, to the byte: a browser uses nothing
// else. The page stays small.
func TestPagePolicy(t *testing.T) {
	onEngines(t, func(t *testing.T, url string) {
		resp, body := fetch(t, "GET", url+"/", nil)
		policy := resp.Header.Get("Content-Security-Policy")
		for _, tag := range []string{"style", "script"} {
			_, rest, _ := strings.Cut(body, "<"+tag+">")
			text, _, found := strings.Cut(rest, "</"+tag+">")
			if want := tag + "-src '" + policyHash(text) + "';"; !found || !strings.Contains(policy, want) {
				t.Errorf("the policy lacks %s: %s", want, policy)
			}
		}
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("the policy is %s", policy)
		}
		if len(body) > 8<<10 {
			t.Errorf("the page has %d bytes", len(body))
		}
	})
}

func TestRequestShowsItself(t *testing.T) {
	onEngines(t, func(t *testing.T, url string) {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		fmt.Fprint(c, "GET /request?q=1&r=2 HTTP/1.1\r\nx-first: 1\r\nHost: h\r\nX-Last:  a&b \r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		want := fmt.Sprintf(`{"method":"GET","target":"/request?q=1&r=2","protocol":"HTTP/1.1",`+
			`"headers":[["x-first","1"],["Host","h"],["X-Last","a&b"]],"remote":%q,"tls":null}`, c.LocalAddr())
		if strings.TrimSpace(string(b)) != want || !json.Valid(b) {
			t.Errorf("got  %s\nwant %s", b, want)
		}
	})
}

// Bodies around the limit, with and without a declared length.
func TestUploadAndItsLimit(t *testing.T) {
	onEngines(t, func(t *testing.T, url string) {
		for _, n := range []int{1<<20 - 1, 1 << 20, 1<<20 + 1} {
			for _, chunked := range []bool{false, true} {
				content := bytes.Repeat([]byte{'x'}, n)
				var body io.Reader = bytes.NewReader(content)
				if chunked {
					body = struct{ io.Reader }{body}
				}
				req, _ := http.NewRequest("POST", url+"/upload", body)
				resp, err := client.Do(req)
				if err != nil {
					t.Fatalf("%d bytes: %v", n, err)
				}
				got, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				sum := sha256.Sum256(content)
				want := fmt.Sprintf(`{"bytes":%d,"sha256":"%s"}`, n, hex.EncodeToString(sum[:]))
				if n > 1<<20 {
					if resp.StatusCode != 413 {
						t.Errorf("%d bytes, chunked %v: %d", n, chunked, resp.StatusCode)
					}
				} else if resp.StatusCode != 200 || string(got) != want {
					t.Errorf("%d bytes, chunked %v: %d %s", n, chunked, resp.StatusCode, got)
				}
			}
		}
	})
}

// An echo comes back while the body is still being sent.
func TestEchoIsFullDuplex(t *testing.T) {
	onEngines(t, func(t *testing.T, url string) {
		r, w := io.Pipe()
		req, _ := http.NewRequest("POST", url+"/echo", r)
		type answer struct {
			resp *http.Response
			err  error
		}
		answers := make(chan answer, 1)
		go func() {
			resp, err := client.Do(req)
			answers <- answer{resp, err}
		}()
		io.WriteString(w, "first")
		a := <-answers
		if a.err != nil {
			t.Fatal(a.err)
		}
		defer a.resp.Body.Close()
		for _, piece := range []string{"first", "second", "third"} {
			if piece != "first" {
				io.WriteString(w, piece)
			}
			got := make([]byte, len(piece))
			if _, err := io.ReadFull(a.resp.Body, got); err != nil || string(got) != piece {
				t.Fatalf("%q %v", got, err)
			}
		}
		w.Close()
		if b, err := io.ReadAll(a.resp.Body); len(b) > 0 || err != nil {
			t.Errorf("%q %v", b, err)
		}
	})
}

func TestSpinIsForTestsOnly(t *testing.T) {
	if _, there := newAPI(false).routes["/spin"]; there {
		t.Error("/spin is there without --test-endpoints")
	}
}

// A server that cannot start says so in one line, with exit code 1.
func TestPortInUse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var out, errs bytes.Buffer
	code := run([]string{"--engine", "net", "--listen", "http://" + ln.Addr().String()}, &out, &errs)
	if got := errs.String(); code != exitFailure || !strings.Contains(got, "in use") || strings.Count(got, "\n") != 1 {
		t.Errorf("exit %d, %q", code, got)
	}
}
