//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestE2ECurl(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		file := filepath.Join(t.TempDir(), "body")
		content := make([]byte, 3<<20)
		fill(content, 1)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		upload := fmt.Sprintf(`{"bytes":%d,"sha256":"%s"}`, len(content), hex.EncodeToString(sum[:]))
		for _, c := range []struct {
			name string
			args []string
			want string // a prefix of what curl prints, or the whole
		}{
			{"plaintext", []string{s.url + "/plaintext"}, "Hello, World!"},
			{"json", []string{s.url + "/json"}, `{"message":"Hello, World!"}`},
			{"HTTP/1.0", []string{"-0", s.url + "/plaintext"}, "Hello, World!"},
			{"HEAD", []string{"-I", s.url + "/plaintext"}, "HTTP/1.1 200 OK\r\n"},
			{"two on one connection", []string{s.url + "/plaintext", s.url + "/json"}, `Hello, World!{"message":"Hello, World!"}`},
			{"echo", []string{"-d", "some text", s.url + "/echo"}, "some text"},
			{"echo, chunked", []string{"-H", "Transfer-Encoding: chunked", "-d", "some text", s.url + "/echo"}, "some text"},
			{"upload", []string{"--data-binary", "@" + file, s.url + "/upload"}, upload},
			{"upload, expecting", []string{"-H", "Expect: 100-continue", "--data-binary", "@" + file, s.url + "/upload"}, upload},
			{"upload, chunked", []string{"-H", "Transfer-Encoding: chunked", "--data-binary", "@" + file, s.url + "/upload"}, upload},
			{"not there", []string{"-o", "/dev/null", "-w", "%{http_code}", s.url + "/nothing-here"}, "404"},
			{"events", []string{s.url + "/sse?n=3&ms=10"}, ""},
			{"too large", []string{"-o", "/dev/null", "-w", "%{http_code}", "-H", "Content-Length: 30000001", "-X", "POST", s.url + "/upload"}, "413"},
		} {
			t.Run(c.name, func(t *testing.T) {
				out := run(t, "curl", append([]string{"-sS", "--max-time", "20"}, c.args...)...)
				if !strings.HasPrefix(strings.TrimSpace(out), strings.TrimSpace(c.want)) {
					t.Errorf("got %.300q, want %q", out, c.want)
				}
			})
		}
		out := filepath.Join(t.TempDir(), "echo")
		run(t, "curl", "-sS", "--max-time", "30", "--data-binary", "@"+file, "-o", out, s.url+"/echo")
		if got, _ := os.ReadFile(out); !bytes.Equal(got, content) {
			t.Errorf("echo of %d bytes gave %d, not the same", len(content), len(got))
		}
		s.fresh()
	})
}

func TestE2EWrk(t *testing.T) {
	requests := regexp.MustCompile(`(\d+) requests in`)
	onEngines(t, func(t *testing.T, s *server) {
		out := run(t, "wrk", "-t1", "-c64", "-d2s", s.url+"/plaintext")
		m := requests.FindStringSubmatch(out)
		if m == nil || strings.Contains(out, "Non-2xx") || strings.Contains(out, "Socket errors") {
			t.Fatalf("wrk:\n%s", out)
		}
		if n, _ := strconv.Atoi(m[1]); n < 1000 {
			t.Errorf("only %d requests in two seconds", n)
		}
		s.fresh()
	})
}

// undici pipelines ten requests on a connection; each answer says which
// request it belongs to.
func TestE2EUndici(t *testing.T) {
	dir := t.TempDir()
	script, err := os.ReadFile("testdata/undici.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "undici.mjs"), script, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", dir, "undici@7")
	onEngines(t, func(t *testing.T, s *server) {
		out := run(t, "node", filepath.Join(dir, "undici.mjs"), s.url)
		if strings.TrimSpace(out) != "ok" {
			t.Fatalf("undici: %s", out)
		}
	})
}

// Go's client, many at once, mixed sizes, bodies verified.
func TestE2EGoClient(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: patience}
		var wg sync.WaitGroup
		for worker := range 16 {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(7, uint64(worker)))
				for range 40 {
					if err := echoOnce(client, s.url, random); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		s.fresh()
	})
}

func echoOnce(client *http.Client, url string, random *rand.Rand) error {
	body := make([]byte, 1+random.IntN(200_000))
	fill(body, random.Uint64())
	resp, err := client.Post(url+"/echo", "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != 200 || !bytes.Equal(got, body) {
		return fmt.Errorf("echo of %d bytes: status %d, %d bytes", len(body), resp.StatusCode, len(got))
	}
	return nil
}

func fill(b []byte, seed uint64) {
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	random.Read(b)
}

// A client that goes away in the middle of an answer, again and again, leaves
// nothing behind.
func TestE2ECancel(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		client := &http.Client{Transport: &http.Transport{}}
		for i := range 50 {
			ctx, cancel := context.WithCancel(context.Background())
			req, _ := http.NewRequestWithContext(ctx, "GET", s.url+"/bytes?n=1000000000", nil)
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.CopyN(io.Discard, resp.Body, int64(1+i*1000)); err != nil {
				t.Fatal(err)
			}
			cancel()
			resp.Body.Close()
		}
		s.fresh()
	})
}

func TestE2ERequestShowsItself(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		out := run(t, "curl", "-sS", "-H", "X-Test: a b", s.url+"/request?q=1")
		var got struct {
			Method, Target, Protocol, Remote string
			Headers                          [][2]string
			TLS                              any
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		if got.Method != "GET" || got.Target != "/request?q=1" || got.Protocol != "HTTP/1.1" || got.TLS != nil ||
			!strings.HasPrefix(got.Remote, "127.0.0.1:") {
			t.Errorf("got %+v", got)
		}
		var names []string
		for _, h := range got.Headers {
			names = append(names, h[0])
		}
		if strings.Join(names, " ") != "Host User-Agent Accept X-Test" {
			t.Errorf("headers in another order than on the wire: %v", names)
		}
	})
}

// A page for a person, in a browser.
func TestE2EBrowser(t *testing.T) {
	s := start(t)
	out := chromium(t, s.url+"/", "--virtual-time-budget=2000")
	for _, want := range []string{"uringserve", s.engine, "HTTP/1.1", "/plaintext"} {
		if !strings.Contains(out, want) {
			t.Errorf("the page does not say %q:\n%s", want, out)
		}
	}
}

// Events arrive as they are written, not all at the end.
func TestE2EEventsStream(t *testing.T) {
	onEngines(t, func(t *testing.T, s *server) {
		resp, err := http.Get(s.url + "/sse?n=3&ms=400")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		begin := time.Now()
		one := make([]byte, 1)
		if _, err := io.ReadFull(resp.Body, one); err != nil {
			t.Fatal(err)
		}
		first := time.Since(begin)
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		if all := time.Since(begin); all-first < 300*time.Millisecond {
			t.Errorf("first event after %v, all after %v", first, all)
		}
	})
}
