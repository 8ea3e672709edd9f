//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// onBothPorts runs test against the binary in cleartext and with TLS, where a
// browser speaks HTTP/2, on each engine, with a browser that trusts it.
func onBothPorts(t *testing.T, test func(t *testing.T, b *browser, s *server, secure bool)) {
	dir := devCert(t)
	b := startBrowser(t, "--ignore-certificate-errors-spki-list="+keyHash(t, filepath.Join(dir, "localhost.pem")))
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) { test(t, b.on(t), start(t, "--engine", engine), false) })
		t.Run("TLS, "+engine, func(t *testing.T) { test(t, b.on(t), startSecure(t, dir, "--engine", engine), true) })
	}
}

// wantLine waits for the log of the page to have so many lines, and compares the
// last with a pattern.
func (t *tab) wantLine(n int, pattern string) {
	t.t.Helper()
	line := t.eval(fmt.Sprintf(`new Promise((resolve) => {
		const lines = document.getElementById('log').children
		const look = () => lines.length >= %d && (watch.disconnect(), resolve(lines[%[1]d - 1].textContent))
		const watch = new MutationObserver(look)
		watch.observe(document.getElementById('log'), { childList: true })
		look()
	})`, n))
	if !regexp.MustCompile("^" + pattern + "$").MatchString(line) {
		t.t.Errorf("line %d of the log is %q, want %s", n, line, pattern)
	}
}

// A person opens the page, types, clicks and reads.
func TestE2EPage(t *testing.T) {
	onBothPorts(t, func(t *testing.T, b *browser, s *server, secure bool) {
		page := b.visit(s.url)
		page.write("#message", "grüße")
		page.click("#try button")
		page.wantLine(1, "open, permessage-deflate; server_no_context_takeover; client_no_context_takeover")
		page.wantLine(2, "sent: text, 7 bytes: grüße")
		page.wantLine(3, `came after \d+\.\d ms: text, 7 bytes: grüße`)
		page.click("[value=binary]")
		page.write("#message", "AZ é\n")
		page.wantLine(4, "sent: binary, 5 bytes: 41 5a 20 c3 a9")
		page.wantLine(5, `came after \d+\.\d ms: binary, 5 bytes: 41 5a 20 c3 a9`)
		page.click("#close")
		page.wantLine(6, "closed: code 1000")
		page.write("#message", "\n")
		page.wantLine(7, "open, .*")
		page.wantLine(8, "sent: binary, 0 bytes: ")
		page.wantLine(9, `came after \d+\.\d ms: binary, 0 bytes: `)
		protocol, status := "HTTP/1.1", statusOver(secure)
		if secure {
			protocol = "HTTP/2.0"
		}
		if got := page.handshakes(); !slices.Equal(got, []int{status, status}) {
			t.Errorf("WebSockets were answered with %v, want %d", got, status)
		}
		if !strings.Contains(page.eval("document.body.innerText"), protocol) {
			t.Errorf("the page does not say %s", protocol)
		}
		if all := page.complaints(); len(all) > 0 {
			t.Errorf("the browser complains: %s", all)
		}
	})
}

// A server that has gone is said, and Close with it.
func TestE2EPageWithoutServer(t *testing.T) {
	s := start(t)
	page := startBrowser(t).visit(s.url)
	page.write("#message", "one\n")
	page.wantLine(3, "came after .*")
	s.kill()
	page.wantLine(4, "closed: code 1006, not cleanly")
	page.write("#message", "two\n")
	page.wantLine(5, "not opened: code 1006, not cleanly")
	if page.eval("document.getElementById('close').disabled") != "true" {
		t.Error("Close is still there to be clicked")
	}
}

// A server that is told to end says so to its WebSockets (RFC 6455 §7.4.1), and
// waits for none of them, nor for a second connection on which a browser has said
// nothing.
func TestE2EPageAtShutdown(t *testing.T) {
	onBothPorts(t, func(t *testing.T, b *browser, s *server, secure bool) {
		page := b.visit(s.url)
		page.write("#message", "one\n")
		page.wantLine(3, "came after .*")
		s.signal(syscall.SIGTERM)
		page.wantLine(4, "closed: code 1001")
		if code := s.wait(); code != 0 {
			t.Errorf("exit %d:\n%s", code, s.logged())
		}
	})
}

// The page fits every window, and every field has its name.
func TestE2EPageFits(t *testing.T) {
	s := start(t)
	page := startBrowser(t).visit(s.url)
	page.write("#message", strings.Repeat("long", 100)+"\n")
	page.wantLine(3, "came after .*")
	for _, width := range []int{320, 390, 1280} {
		page.do("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
		if page.eval("document.documentElement.scrollWidth <= innerWidth") != "true" {
			t.Errorf("at a width of %d one has to scroll sideways", width)
		}
	}
	unnamed := page.eval(`[...document.querySelectorAll('input')].filter((e) => !e.labels[0]?.textContent.trim())
		.concat([...document.querySelectorAll('button, a')].filter((e) => !e.textContent.trim())).map((e) => e.outerHTML).join()`)
	if unnamed != "" {
		t.Errorf("without a name: %s", unnamed)
	}
}
