//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// browserScript has the functions of the scripts below. A
// browser fragments long messages, compresses what it can, and answers Pings by
// itself.
const browserScript = `
const target = location.origin.replace(/^http/, 'ws') + '/ws'
function open(url = target) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url)
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
      same ? resolve() : reject(new Error('another message came back for one of ' + data.length))
    }
    ws.onclose = (e) => reject(new Error('closed with ' + e.code))
    ws.send(data)
  })
}
const closed = (ws, act) => new Promise((resolve) => { ws.onclose = (e) => resolve(e.code + ' ' + e.wasClean); act(ws) })
const mib = 1 << 20
// What is the same again and again, and what no compression makes shorter.
const dull = (n) => new Uint8Array(n).map((_, i) => i * 7)
const noise = (n) => { let x = 1; return new Uint8Array(n).map(() => { x = x * 1103515245 + 12345 | 0; return x >> 16 }) }
`

// echoScript tells of the messages that did not come back as they went; nothing
// is as it must be.
const echoScript = `(async () => {
  const ws = await open()
  if (!ws.extensions.startsWith('permessage-deflate')) throw new Error('not compressed: ' + ws.extensions)
  for (const n of [0, 1, 125, 126, 65535, 65536, 500000, mib - 1, mib]) {
    for (const data of ['a'.repeat(n), 'é'.repeat(n / 2), '\u{1F600}'.repeat(n / 4), dull(n), noise(n)]) await echo(ws, data)
  }
  const many = Array.from({ length: 100 }, (_, i) => String(i).repeat(i))
  const back = new Promise((resolve) => { const got = []; ws.onmessage = (e) => got.push(e.data) === many.length && resolve(got) })
  many.forEach((m) => ws.send(m))
  if (String(await back) !== String(many)) throw new Error('a hundred at once came back in another order')
  return 'all'
})()`

// closeScript tells the codes that closings end with, each with whether it was
// clean, and the names of the errors for codes that a page may not send.
const closeScript = `(async () => {
  const told = []
  for (const how of [[1000], [3000], [4999, 'why'], [4000, 'é'.repeat(61)], []]) told.push(await closed(await open(), (ws) => ws.close(...how)))
  for (const big of ['a'.repeat(mib + 1), 'é'.repeat(mib / 2) + 'a', dull(mib + 1), noise(mib + 1)]) {
    told.push(await closed(await open(), (ws) => ws.send(big)))
  }
  const ws = await open()
  for (const how of [[999], [1001], [1005], [1006], [2999], [5000], [4000, 'a'.repeat(124)]]) {
    try { ws.close(...how); told.push('allowed') } catch (err) { told.push(err.name) }
  }
  await echo(ws, 'it is still open')
  told.push(await closed(ws, () => ws.close(1000)))
  return told.join(', ')
})()`

var closings = strings.Join([]string{
	"1000 true", "3000 true", "4999 true", "4000 true", "1005 true",
	"1009 true", "1009 true", "1009 true", "1009 true",
	"InvalidAccessError", "InvalidAccessError", "InvalidAccessError", "InvalidAccessError", "InvalidAccessError", "InvalidAccessError", "SyntaxError",
	"1000 true",
}, ", ")

// A browser and the binary's own /ws: over HTTP/1.1 in cleartext and, with TLS, by
// extended CONNECT over HTTP/2 (RFC 8441), on the connection that brought the page.
func TestE2EWebSocketBrowser(t *testing.T) {
	onBothPorts(t, func(t *testing.T, b *browser, s *server, secure bool) {
		page := b.visit(s.url)
		page.eval(browserScript)
		if got := page.eval(echoScript); got != "all" {
			t.Errorf("echoes: %s", got)
		}
		if got := page.eval(closeScript); got != closings {
			t.Errorf("closings:\n%s, want\n%s", got, closings)
		}
		statuses := page.handshakes()
		const opened = 11 // WebSockets
		if want := statusOver(secure); len(statuses) != opened || slices.Min(statuses) != want || slices.Max(statuses) != want {
			t.Errorf("handshakes were answered with %v, want %d times %d", statuses, opened, want)
		}
		if all := page.complaints(); len(all) > 0 {
			t.Errorf("the browser complains: %s", all)
		}
	})
}

// statusOver is the status of a response that opens a WebSocket.
func statusOver(h2 bool) int {
	if h2 {
		return 200 // RFC 8441 §5
	}
	return 101
}

// A page of another origin, be it another port's or none's, gets 403, by whichever
// version of HTTP; its own server would have let it in.
func TestE2EWebSocketOrigins(t *testing.T) {
	onBothPorts(t, func(t *testing.T, b *browser, s *server, secure bool) {
		own := b.visit(s.url + "/plaintext") // no policy of the page keeps it from anything
		own.eval(browserScript)
		own.eval("open().then(() => 0)")
		if got := own.handshakes(); len(got) != 1 || got[0] != statusOver(secure) {
			t.Fatalf("a page of the same origin: %v", got)
		}
		other := start(t)
		for _, from := range []string{other.url + "/plaintext", "data:text/html,none"} {
			page := b.visit(from)
			page.eval(browserScript)
			to := strings.Replace(s.url, "http", "ws", 1) + "/ws"
			// The first request makes a connection, which a WebSocket over HTTP/2 needs.
			page.eval(fmt.Sprintf("fetch(%q, { mode: 'no-cors', credentials: 'include' }).then(() => 0)", s.url+"/plaintext"))
			if got := page.eval(fmt.Sprintf("open(%q).then(() => 'opened', String)", to)); got != "Error: not opened" {
				t.Errorf("from %s: %s", from, got)
			}
			if got := page.refusals(); len(got) != 1 || !strings.Contains(got[0], "403") {
				t.Errorf("from %s: %q", from, got)
			}
			if page.askedOverHTTP2() != secure {
				t.Errorf("from %s: the request came by the other version of HTTP", from)
			}
		}
	})
}

// refusals are why WebSockets were not opened.
func (t *tab) refusals() (all []string) {
	t.t.Helper()
	for _, e := range t.take("Network.webSocketFrameError") {
		var p struct{ ErrorMessage string }
		must(t.t, json.Unmarshal(e.Params, &p))
		all = append(all, p.ErrorMessage)
	}
	return all
}

// askedOverHTTP2 tells of the first request for a WebSocket by which version of
// HTTP it went: over HTTP/2 it has no key (RFC 8441 §5).
func (t *tab) askedOverHTTP2() bool {
	t.t.Helper()
	var p struct {
		Request struct{ Headers map[string]string }
	}
	must(t.t, json.Unmarshal(t.await("Network.webSocketWillSendHandshakeRequest").Params, &p))
	return p.Request.Headers["Sec-WebSocket-Key"] == ""
}
