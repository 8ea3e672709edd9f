package conn_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"

	"github.com/uringserve/uringserve/h1/ws"
)

// A wsPeer is a WebSocket client over any stream: ours from the other end, with
// raw bytes where a test needs them.
type wsPeer struct {
	rw  io.ReadWriter
	x   ws.Conn
	buf []byte
	fed bool
}

// wsHandshake is the request that opens a WebSocket, with further fields.
func wsHandshake(fields ...string) string {
	return "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		strings.Join(append(fields, ""), "\r\n") + "\r\n"
}

// deflateOffer is the field by which a client offers compression.
const deflateOffer = "Sec-WebSocket-Extensions: permessage-deflate"

func wsClientConfig() *ws.Config {
	cfg := ws.DefaultConfig()
	cfg.Role = ws.Client
	cfg.Keys = rand.Uint32
	cfg.Deflate.On = true
	cfg.Limits.MessageBytes = 64 << 20
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	return cfg
}

// openWS opens a WebSocket on rw; first goes out with the request.
func openWS(rw io.ReadWriter, first string, fields ...string) (*wsPeer, error) {
	if _, err := io.WriteString(rw, wsHandshake(fields...)+first); err != nil {
		return nil, err
	}
	p := &wsPeer{rw: rw, buf: make([]byte, 32<<10)}
	var got []byte
	for {
		n, err := rw.Read(p.buf)
		got = append(got, p.buf[:n]...)
		if end := bytes.Index(got, []byte("\r\n\r\n")); end >= 0 {
			return p, p.begin(string(got[:end]), got[end+4:])
		}
		if err != nil {
			return nil, fmt.Errorf("no whole head: %q: %w", got, err)
		}
	}
}

// begin judges the head of the answer, and keeps what came behind it.
func (p *wsPeer) begin(head string, rest []byte) error {
	if !strings.HasPrefix(head, "HTTP/1.1 101 ") || !strings.Contains(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") {
		return fmt.Errorf("answered %q, %q", head, rest)
	}
	cfg := wsClientConfig()
	var d ws.Deflate
	if strings.Contains(head, "Sec-WebSocket-Extensions: permessage-deflate") {
		d, _ = cfg.Negotiate([]byte("permessage-deflate; server_no_context_takeover; client_no_context_takeover"))
	}
	p.x.Reset(cfg, d)
	p.x.Feed(append([]byte(nil), rest...))
	return nil
}

// next waits for the next event; EventNone: the stream has ended, or err.
func (p *wsPeer) next() (ws.Event, error) {
	for {
		ev, bad := p.x.Next()
		if bad != nil {
			return ws.Event{}, bad
		}
		switch ev.Kind {
		case ws.EventMore:
			continue
		case ws.EventNone:
		default:
			return ev, nil
		}
		n, err := p.rw.Read(p.buf)
		if n > 0 {
			p.x.Feed(p.buf[:n])
			continue
		}
		if err != nil {
			return ws.Event{}, err
		}
	}
}

func (p *wsPeer) write(b []byte) error {
	_, err := p.rw.Write(b)
	return err
}

// send sends a message as the engine frames it.
func (p *wsPeer) send(op ws.Opcode, data []byte) error {
	b, err := p.x.AppendMessage(nil, op, data)
	if err != nil {
		return err
	}
	return p.write(b)
}

// expect waits for a message.
func (p *wsPeer) expect(op ws.Opcode, data []byte) error {
	ev, err := p.next()
	if err != nil {
		return err
	}
	if ev.Kind != ws.EventMessage || ev.Opcode != op || !bytes.Equal(ev.Data, data) {
		return fmt.Errorf("got %s %s of %d bytes: %.100q, want %s of %d", ev.Kind, ev.Opcode, len(ev.Data), ev.Data, op, len(data))
	}
	return nil
}

// echo sends a message and waits for it.
func (p *wsPeer) echo(op ws.Opcode, data []byte) error {
	if err := p.send(op, data); err != nil {
		return err
	}
	return p.expect(op, data)
}

// close does the closing handshake.
func (p *wsPeer) close(code ws.CloseCode, reason string) error {
	b, err := p.x.AppendClose(nil, code, reason)
	if err != nil {
		return err
	}
	if err := p.write(b); err != nil {
		return err
	}
	ev, err := p.next()
	if err != nil {
		return err
	}
	if ev.Kind != ws.EventClose || ev.Code != code {
		return fmt.Errorf("got %s %s, want a close with %s", ev.Kind, ev.Code, code)
	}
	return p.end()
}

// end waits for the end of the stream.
func (p *wsPeer) end() error {
	ev, err := p.next()
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("got %s, %v, want the end", ev.Kind, err)
	}
	return nil
}

// log is what comes until the stream ends, in words.
func (p *wsPeer) log() string {
	var all []string
	for {
		ev, err := p.next()
		switch {
		case errors.Is(err, io.EOF):
			return strings.Join(append(all, "end"), "; ")
		case errors.Is(err, syscall.ECONNRESET), errors.Is(err, net.ErrClosed):
			return strings.Join(append(all, "reset"), "; ")
		case err != nil:
			return strings.Join(append(all, err.Error()), "; ")
		case ev.Kind == ws.EventMessage:
			all = append(all, fmt.Sprintf("%s %.40q", ev.Opcode, ev.Data))
		case ev.Kind == ws.EventClose:
			all = append(all, fmt.Sprintf("close %d", ev.Code))
		default:
			all = append(all, fmt.Sprintf("%s %q", ev.Kind, ev.Data))
		}
	}
}

// rawFrame is a masked frame of any kind: first is the first byte.
func rawFrame(first byte, payload string) string {
	var b []byte
	switch n := len(payload); {
	case n < 126:
		b = []byte{first, 0x80 | byte(n)}
	case n < 1<<16:
		b = []byte{first, 0x80 | 126, byte(n >> 8), byte(n)}
	default:
		b = []byte{first, 0x80 | 127, 0, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	}
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b = append(b, key[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return string(b)
}
