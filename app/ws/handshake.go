package ws

import (
	"fmt"
	"slices"
	"strings"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/app/field"
	wire "github.com/uringserve/uringserve/h1/ws"
)

// HandshakeError says why a request was not upgraded. The client was told.
type HandshakeError struct {
	Status int    // of the answer
	Reason string // which is its text, too
}

func (e *HandshakeError) Error() string {
	return fmt.Sprintf("ws: handshake refused (%d): %s", e.Status, e.Reason)
}

// Serve is app.Handler's. What is wrong with a request, the client is told.
func (u *Upgrader) Serve(req *app.Request, resp *app.Response) { _ = u.Upgrade(req, resp) }

// Options is app.Optioned's.
func (u *Upgrader) Options(*app.Request) app.Options { return app.Options{Mode: u.Mode} }

// Upgrade answers req, which asks for a WebSocket, in a handler. Nil: when the
// handler has returned, the connection is the Upgrader's Handler's. The
// response must not have begun; its header fields, cookies for one, are sent
// with the answer, and it cannot be written to any more.
//
// Otherwise the response says what is wrong, and the error is a
// *HandshakeError; or it is app.ErrCommitted, app.ErrGone, app.ErrEnded, or
// what Validate says.
func (u *Upgrader) Upgrade(req *app.Request, resp *app.Response) error {
	config := u.Config()
	if config == nil {
		resp.Fail(500)
		return u.wrong
	}
	if resp.Committed() {
		return app.ErrCommitted
	}
	s, ok := resp.Stream().(Switcher)
	if !ok {
		return refuse(resp, 500, "this server does not speak WebSocket on this connection")
	}
	var key []byte
	var err error
	if req.Major >= 2 {
		err = checkConnect(req, resp, s.ConnectProtocol())
	} else {
		key, err = checkUpgrade(req, resp)
	}
	if err != nil {
		return err
	}
	check := u.CheckOrigin
	if check == nil {
		check = SameOrigin
	}
	if !check(req) {
		return refuse(resp, 403, "the request comes from a page of another origin")
	}
	deflate, err := u.config.Negotiate(slices.Collect(req.Header.Values("Sec-WebSocket-Extensions"))...)
	if err != nil {
		return refuse(resp, 400, "Sec-WebSocket-Extensions is malformed") // RFC 6455 §9.1
	}
	return u.accept(req, resp, s, key, deflate)
}

// accept answers a request with which nothing is wrong. key is nil over HTTP/2.
func (u *Upgrader) accept(req *app.Request, resp *app.Response, s Switcher, key []byte, d wire.Deflate) error {
	a := &Acceptance{Upgrader: u, Config: u.config, Deflate: d, Request: req.Clone(), Subprotocol: u.subprotocol(req)}
	if key != nil {
		accept := wire.AcceptKey(key)
		resp.SetStatus(101)
		resp.Set("Upgrade", "websocket")
		resp.Set("Connection", "Upgrade")
		resp.Set("Sec-WebSocket-Accept", string(accept[:]))
	} else {
		resp.SetStatus(200) // RFC 8441 §5
	}
	if a.Subprotocol != "" {
		resp.Set("Sec-WebSocket-Protocol", a.Subprotocol)
	}
	if answer := a.Deflate.AppendResponse(nil); len(answer) > 0 {
		resp.Set("Sec-WebSocket-Extensions", string(answer))
	}
	return s.Switch(resp, a)
}

// refuse answers with a line of text.
func refuse(resp *app.Response, status int, reason string) error {
	resp.Fail(status)
	resp.Set("Content-Type", "text/plain; charset=utf-8")
	resp.WriteString(reason + "\n")
	return &HandshakeError{status, reason}
}

// checkUpgrade checks the opening handshake over HTTP/1.1 (RFC 6455 §4.2.1),
// and answers the key.
func checkUpgrade(req *app.Request, resp *app.Response) (key []byte, err error) {
	key, keys := only(req, "Sec-WebSocket-Key")
	switch {
	case !req.Header.HasToken("Upgrade", "websocket"):
		err = refuse(resp, 426, "here is a WebSocket: the request must have Upgrade: websocket")
		resp.Set("Upgrade", "websocket") // RFC 9110 §15.5.22
		resp.Set("Connection", "Upgrade")
		return nil, err
	case req.Method != "GET":
		return nil, refuse(resp, 400, "the method must be GET")
	case req.Major == 1 && req.Minor == 0:
		return nil, refuse(resp, 400, "the request must be HTTP/1.1")
	case !req.Header.HasToken("Connection", "upgrade"):
		return nil, refuse(resp, 400, "the request must have Connection: Upgrade")
	case req.ContentLength != 0:
		return nil, refuse(resp, 400, "the request must not have a body")
	case keys != 1 || !wire.ValidKey(key):
		return nil, refuse(resp, 400, "Sec-WebSocket-Key must be 16 bytes in base64, once")
	}
	return key, checkVersion(req, resp)
}

// checkConnect checks the one over HTTP/2 (RFC 8441 §5).
func checkConnect(req *app.Request, resp *app.Response, protocol string) error {
	if req.Method != "CONNECT" || !strings.EqualFold(protocol, "websocket") {
		return refuse(resp, 400, "here is a WebSocket: over HTTP/2 it needs CONNECT with :protocol websocket")
	}
	return checkVersion(req, resp)
}

// checkVersion: RFC 6455 §4.2.2, §4.4.
func checkVersion(req *app.Request, resp *app.Response) error {
	if v, n := only(req, "Sec-WebSocket-Version"); n == 1 && string(v) == "13" {
		return nil
	}
	err := refuse(resp, 426, "Sec-WebSocket-Version must be 13")
	resp.Set("Sec-WebSocket-Version", "13")
	if req.Major == 1 {
		resp.Set("Upgrade", "websocket")
		resp.Set("Connection", "Upgrade")
	}
	return err
}

// only is the last value of that name, and how many there are.
func only(req *app.Request, name string) (value []byte, n int) {
	for v := range req.Header.Values(name) {
		value = v
		n++
	}
	return value, n
}

// subprotocol is the first of ours that the client offers.
func (u *Upgrader) subprotocol(req *app.Request) string {
	for _, ours := range u.Subprotocols {
		for list := range req.Header.Values("Sec-WebSocket-Protocol") {
			for theirs := range field.Members(list) {
				if string(theirs) == ours { // RFC 6455 §4.1: case-sensitive
					return ours
				}
			}
		}
	}
	return ""
}

func isToken(s string) bool { return field.ValidName([]byte(s)) }
