//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A browser is a running chromium, driven by its DevTools protocol over two pipes:
// JSON each way, each message ended by a zero byte. One goroutine has it.
type browser struct {
	t      *testing.T
	in     io.Writer
	out    *bufio.Reader
	last   int       // the number of the last command
	events []message // that have come and nobody has asked for
}

// message is what the browser sends: a command's result, or an event.
type message struct {
	ID      int
	Session string `json:"sessionId"`
	Method  string
	Params  json.RawMessage
	Result  json.RawMessage
	Error   *struct{ Message string }
}

// startBrowser runs a browser until the test is over.
func startBrowser(t *testing.T, args ...string) *browser {
	t.Helper()
	cmd := exec.Command("chromium", append([]string{"--remote-debugging-pipe", "--headless", "--no-sandbox", "--disable-gpu",
		"--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-features=LocalNetworkAccessChecks", // or a page of no origin may not even ask 127.0.0.1
		"--user-data-dir=" + t.TempDir()}, args...)...)
	theirIn, in, err := os.Pipe()
	must(t, err)
	out, theirOut, err := os.Pipe()
	must(t, err)
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // descriptors 3 and 4
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, cmd.Start())
	theirIn.Close()
	theirOut.Close()
	b := &browser{t: t, in: in, out: bufio.NewReader(out)}
	kill := func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	limit := time.AfterFunc(5*patience, kill) // what waits for it then fails
	t.Cleanup(func() {
		limit.Stop()
		kill()
		_ = cmd.Wait() // it says that it was killed
		in.Close()
		out.Close()
	})
	return b
}

// do runs a command, in a tab's session or in none, and reads its result.
func (b *browser) do(session, method string, params map[string]any, result any) {
	b.t.Helper()
	b.last++
	id := b.last
	command := map[string]any{"id": id, "method": method, "params": params}
	if session != "" {
		command["sessionId"] = session
	}
	text, err := json.Marshal(command)
	must(b.t, err)
	_, err = b.in.Write(append(text, 0))
	must(b.t, err)
	for {
		m := b.read()
		switch {
		case m.ID != id:
			b.events = append(b.events, m)
		case m.Error != nil:
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		default:
			if result != nil {
				must(b.t, json.Unmarshal(m.Result, result))
			}
			return
		}
	}
}

func (b *browser) read() (m message) {
	b.t.Helper()
	text, err := b.out.ReadBytes(0)
	must(b.t, err)
	must(b.t, json.Unmarshal(text[:len(text)-1], &m))
	return m
}

// on is the browser for a subtest, which its errors are then of.
func (b *browser) on(t *testing.T) *browser {
	b.t = t
	return b
}

// A tab is a page of the browser.
type tab struct {
	*browser
	session string
}

// visit opens a tab with url, and waits until it is loaded.
func (b *browser) visit(url string) *tab {
	b.t.Helper()
	var target struct{ TargetID string }
	b.do("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.do("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	t := &tab{b, attached.SessionID}
	for _, domain := range []string{"Page", "Network", "Log", "Runtime"} {
		t.do(domain+".enable", nil, nil)
	}
	var gone struct{ ErrorText string }
	t.do("Page.navigate", map[string]any{"url": url}, &gone)
	if gone.ErrorText != "" {
		b.t.Fatalf("%s: %s", url, gone.ErrorText)
	}
	t.await("Page.loadEventFired")
	return t
}

func (t *tab) do(method string, params map[string]any, result any) {
	t.t.Helper()
	t.browser.do(t.session, method, params, result)
}

// await waits for an event of the tab that has not been seen yet.
func (t *tab) await(method string) message {
	t.t.Helper()
	for {
		if found := t.take(method); len(found) > 0 {
			return found[0]
		}
		t.events = append(t.events, t.read())
	}
}

// take answers the tab's events of a kind that have come until now, and forgets
// them.
func (t *tab) take(method string) (found []message) {
	left := t.events[:0]
	for _, e := range t.events {
		if e.Session == t.session && e.Method == method {
			found = append(found, e)
		} else {
			left = append(left, e)
		}
	}
	t.events = left
	return found
}

// complaints are what the page has thrown and what the browser says against it.
func (t *tab) complaints() (all []string) {
	for _, kind := range []string{"Runtime.exceptionThrown", "Log.entryAdded"} {
		for _, e := range t.take(kind) {
			all = append(all, string(e.Params))
		}
	}
	return all
}

// handshakes are the statuses of the responses that WebSockets got: 101 over
// HTTP/1.1, 200 over HTTP/2.
func (t *tab) handshakes() (statuses []int) {
	t.t.Helper()
	for _, e := range t.take("Network.webSocketHandshakeResponseReceived") {
		var p struct{ Response struct{ Status int } }
		must(t.t, json.Unmarshal(e.Params, &p))
		statuses = append(statuses, p.Response.Status)
	}
	return statuses
}

// eval is the value of a script as text. It is waited for if it is a promise.
func (t *tab) eval(script string) string {
	t.t.Helper()
	var got struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	t.do("Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true, "returnByValue": true}, &got)
	if got.ExceptionDetails != nil {
		t.t.Fatalf("%.200s: %s", script, got.ExceptionDetails)
	}
	return fmt.Sprint(got.Result.Value)
}

// click presses the mouse where the element is that a selector finds.
func (t *tab) click(selector string) {
	t.t.Helper()
	var x, y float64
	at := t.eval(fmt.Sprintf(`(() => {
		const e = document.querySelector(%q)
		e.scrollIntoView({ block: 'center' })
		const r = e.getBoundingClientRect()
		return (r.x + r.width / 2) + ' ' + (r.y + r.height / 2)
	})()`, selector))
	if _, err := fmt.Sscan(at, &x, &y); err != nil {
		t.t.Fatalf("%s is at %q", selector, at)
	}
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		t.do("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}, nil)
	}
}

// write replaces what is in a field, and ends with the Enter key if text ends
// with a new line.
func (t *tab) write(selector, text string) {
	t.t.Helper()
	t.click(selector)
	t.do("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": "a", "modifiers": 2, "commands": []string{"selectAll"}}, nil)
	t.do("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": "a", "modifiers": 2}, nil)
	line, enter := strings.CutSuffix(text, "\n")
	t.do("Input.insertText", map[string]any{"text": line}, nil)
	if enter {
		for _, kind := range []string{"keyDown", "keyUp"} {
			t.do("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13}, nil)
		}
	}
}
