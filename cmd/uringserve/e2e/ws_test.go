//go:build e2e

package e2e

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uringserve/uringserve"
	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/app/ws"
	"github.com/uringserve/uringserve/tls"
)

// npmScript installs a package in a directory of its own, with a script of
// testdata beside it.
func npmScript(t *testing.T, pkg, name string) string {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, script, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", dir, pkg)
	return path
}

// npm's ws: messages of both kinds and all sizes, compressed and not, in
// fragments; close codes; another origin; 200 clients at once.
func TestE2EWebSocketNode(t *testing.T) {
	script := npmScript(t, "ws@8", "ws.mjs")
	onEngines(t, func(t *testing.T, s *server) {
		if out := run(t, "node", script, s.url); strings.TrimSpace(out) != "ok" {
			t.Errorf("node: %s", out)
		}
		s.fresh()
	})
	for _, engine := range engines {
		t.Run("TLS, "+engine, func(t *testing.T) {
			s := secured(t, "--engine", engine)
			if out := run(t, "node", script, s.url); strings.TrimSpace(out) != "ok" {
				t.Errorf("node: %s", out)
			}
		})
	}
}

// websocketPage opens a WebSocket to where its address says, and tells how that
// went; it is loaded, as far as the browser is concerned, when that is over. A
// browser fragments long messages by itself.
const websocketPage = `<!doctype html><title>ws</title><img src="/wait"><script>
const target = new URLSearchParams(location.search).get('to') ?? location.origin.replace(/^http/, 'ws') + '/ws'
function open() {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(target)
    ws.binaryType = 'arraybuffer'
    ws.onopen = () => resolve(ws)
    ws.onerror = () => reject(new Error('not opened'))
  })
}
function echo(ws, data) {
  return new Promise((resolve, reject) => {
    ws.onmessage = (e) => {
      const same = typeof data === 'string' ? e.data === data
        : e.data.byteLength === data.byteLength && new Uint8Array(e.data).every((b, i) => b === data[i])
      same ? resolve() : reject(new Error('another message came back'))
    }
    ws.send(data)
  })
}
const closed = (ws, ...how) => new Promise((resolve) => { ws.onclose = (e) => resolve(e.code + ' ' + e.wasClean); ws.close(...how) })
async function run() {
  const ws = await open()
  for (const n of [0, 1, 125, 126, 65535, 65536, 500000]) {
    await echo(ws, 'é'.repeat(n / 2))
    await echo(ws, new Uint8Array(n).map((_, i) => i * 7))
  }
  const codes = [await closed(ws, 1000), await closed(await open(), 4999, 'why'), await closed(await open())]
  const big = await open()
  const refused = new Promise((resolve) => { big.onclose = (e) => resolve(e.code + ' ' + e.wasClean) })
  big.send(new Uint8Array((1 << 20) + 1))
  codes.push(await refused)
  return [ws.extensions || 'no extensions', ...codes].join(', ')
}
run().catch((err) => String(err)).then(async (result) => {
  const protocols = performance.getEntriesByType('navigation').map((e) => e.nextHopProtocol)
  fetch('/told', { method: 'POST', body: protocols + ': ' + result })
})
</script>`

// echoed is what the page tells when all went well.
const echoed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover, 1000 true, 4999 true, 1005 true, 1009 true"

// A browser, over HTTP/1.1 in cleartext and, by extended CONNECT, over HTTP/2: a
// browser uses it on a connection that it has already. A page of another origin
// gets nowhere.
func TestE2EWebSocketBrowser(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) { browseWebSocket(t, engine) })
	}
	s := start(t)
	elsewhere := newPages()
	server := uringserve.Server{App: elsewhere}
	defer server.Close()
	addrs, err := server.Listen("127.0.0.1:0")
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	to := strings.Replace(s.url, "http", "ws", 1) + "/ws"
	if got := elsewhere.visit(t, "http://"+addrs[0].String()+"/?to="+to); !strings.Contains(got, "not opened") {
		t.Errorf("a page of another origin: %q", got)
	}
}

// A pages serves the page and its WebSocket, and remembers by which protocol that
// was asked for.
type pages struct {
	echo ws.Upgrader

	told chan string   // what the page tells
	over chan struct{} // it has told

	mu     sync.Mutex
	protos map[string]int
}

func newPages() *pages {
	p := &pages{told: make(chan string, 1), over: make(chan struct{}, 1), protos: map[string]int{}}
	p.echo.Compression = true
	p.echo.Handler = ws.HandlerFunc(func(c *ws.Conn, kind ws.Kind, b []byte) { _ = c.Write(kind, b) })
	return p
}

// visit has a browser load the page, and answers what it tells.
func (p *pages) visit(t *testing.T, url string, args ...string) string {
	t.Helper()
	chromium(t, url, args...)
	select {
	case got := <-p.told:
		return got
	default:
		return "nothing"
	}
}

func (p *pages) Serve(req *app.Request, resp *app.Response) {
	switch string(req.Path) {
	case "/":
		resp.Set("Content-Type", "text/html")
		resp.WriteString(websocketPage)
	case "/told":
		b, err := io.ReadAll(req)
		if err != nil {
			b = []byte(err.Error())
		}
		p.told <- string(b)
		p.over <- struct{}{}
	case "/wait":
		select {
		case <-p.over:
		case <-time.After(patience):
		}
	case "/ws":
		p.mu.Lock()
		p.protos[req.Proto]++
		p.mu.Unlock()
		p.echo.Serve(req, resp)
	default:
		resp.SetStatus(404)
	}
}

// browseWebSocket loads the page from a server in cleartext and with TLS, where a
// browser speaks HTTP/2.
func browseWebSocket(t *testing.T, engine string) {
	dir := devCert(t)
	cert := filepath.Join(dir, "localhost.pem")
	certs, err := tls.LoadCertificates(tls.CertificateOptions{
		Files: []tls.CertificateFiles{{Cert: cert, Key: filepath.Join(dir, "localhost-key.pem")}}})
	if err != nil {
		t.Fatal(err)
	}
	p := newPages()
	server := uringserve.Server{App: p, Engine: engine, TLS: &tls.Options{GetCertificate: certs.GetCertificate}}
	defer server.Close()
	clear, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secure, err := server.ListenTLS("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	if got := p.visit(t, "http://"+clear[0].String()+"/"); got != "http/1.1: "+echoed {
		t.Errorf("in cleartext the browser tells %q", got)
	}
	got := p.visit(t, "https://"+secure[0].String()+"/", "--ignore-certificate-errors-spki-list="+keyHash(t, cert))
	if got != "h2: "+echoed {
		t.Errorf("with TLS the browser tells %q", got)
	}
	const each = 4 // WebSockets that the page opens
	if p.protos["HTTP/1.1"] != each || p.protos["HTTP/2.0"] != each {
		t.Errorf("the server saw %v", p.protos)
	}
}
