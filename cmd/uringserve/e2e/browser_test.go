//go:build e2e

package e2e

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/uringserve/uringserve"
	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/tls"
)

// chromium loads a page, lets its scripts run, and answers what has become of
// it.
func chromium(t *testing.T, url string, args ...string) string {
	t.Helper()
	return run(t, "chromium", append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir=" + t.TempDir(), "--dump-dom", url}, args...)...)
}

const pageImages = 200

// A gallery is a page of images, each of another width, and remembers how it was
// asked for them.
type gallery struct {
	page   string
	images [pageImages][]byte

	mu     sync.Mutex
	protos map[string]int // requests for images, by protocol
	conns  map[string]bool
}

// galleryScript tells, once all has been tried, how many images have their
// width, and by which protocols they came, as the browser sees it.
const galleryScript = `<pre id="told"></pre><script>
addEventListener('load', () => {
  const good = [...document.images].filter((m, i) => m.complete && m.naturalWidth === i + 1 && m.naturalHeight === 2).length
  const protocols = {}
  for (const e of performance.getEntriesByType('resource')) {
    if (e.initiatorType === 'img') protocols[e.nextHopProtocol] = (protocols[e.nextHopProtocol] ?? 0) + 1
  }
  told.textContent = 'images ' + good + ' of ' + document.images.length + ', ' + JSON.stringify(protocols)
})
</script>`

func newGallery(t *testing.T) *gallery {
	t.Helper()
	g := &gallery{protos: map[string]int{}, conns: map[string]bool{}}
	page := "<!doctype html><title>gallery</title>"
	for i := range g.images {
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, i+1, 2))); err != nil {
			t.Fatal(err)
		}
		g.images[i] = b.Bytes()
		page += fmt.Sprintf(`<img src="/image/%d">`, i)
	}
	g.page = page + galleryScript
	return g
}

func (g *gallery) Serve(req *app.Request, resp *app.Response) {
	number, found := strings.CutPrefix(string(req.Path), "/image/")
	if i, err := strconv.Atoi(number); found && err == nil {
		g.mu.Lock()
		g.protos[req.Proto]++
		g.conns[req.RemoteAddr().String()] = true
		g.mu.Unlock()
		resp.Set("Content-Type", "image/png")
		resp.Write(g.images[i])
		return
	}
	if string(req.Path) != "/" {
		resp.SetStatus(404)
		return
	}
	resp.Set("Content-Type", "text/html")
	resp.WriteString(g.page)
}

// A browser loads a page of 200 images over HTTP/2: all of them, and all so, as
// it says itself and as the server sees.
func TestE2EH2Browser(t *testing.T) {
	dir := devCert(t)
	cert := filepath.Join(dir, "localhost.pem")
	certs, err := tls.LoadCertificates(tls.CertificateOptions{
		Files: []tls.CertificateFiles{{Cert: cert, Key: filepath.Join(dir, "localhost-key.pem")}}})
	if err != nil {
		t.Fatal(err)
	}
	told := regexp.MustCompile(`<pre id="told">(.*)</pre>`)
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			g := newGallery(t)
			server := uringserve.Server{App: g, Engine: engine, TLS: &tls.Options{GetCertificate: certs.GetCertificate}}
			addrs, err := server.ListenTLS("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			dom := chromium(t, "https://"+addrs[0].String()+"/", "--virtual-time-budget=10000",
				"--ignore-certificate-errors-spki-list="+keyHash(t, cert))
			want := fmt.Sprintf(`images %d of %[1]d, {"h2":%[1]d}`, pageImages)
			if m := told.FindStringSubmatch(dom); m == nil || m[1] != want {
				t.Errorf("the browser tells %q, want %q", m, want)
			}
			g.mu.Lock()
			defer g.mu.Unlock()
			if len(g.protos) != 1 || g.protos["HTTP/2.0"] != pageImages || len(g.conns) != 1 {
				t.Errorf("the server saw %v on %d connections", g.protos, len(g.conns))
			}
		})
	}
}

// keyHash names the key of a certificate as chromium's list of keys to trust
// does.
func keyHash(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}
