package tls

import (
	"net"
	"time"
)

// A pipe is a Conn as crypto/tls sees it: the net.Conn below. While the
// handshake lasts it is used by the handshake's goroutine, then on loop. Its
// Write never fails, as crypto/tls could not go on after that. After Rebase it is
// used by whoever has the tls.Conn, and there is a real one below.
type pipe Conn

// Read gives crypto/tls bytes of one record. It blocks during the handshake, and
// answers ErrWouldBlock afterwards.
func (p *pipe) Read(b []byte) (int, error) {
	if h := p.running.Load(); h != nil {
		return h.read(b)
	}
	if p.base != nil {
		if p.in.size() > 0 && len(b) > 0 {
			return p.in.drain(b), nil
		}
		return p.base.Read(b)
	}
	if p.in.whole() {
		return p.in.read(b), nil
	}
	return 0, ErrWouldBlock
}

func (p *pipe) Write(b []byte) (int, error) {
	switch h := p.running.Load(); {
	case h != nil:
		h.write(b)
	case p.base != nil:
		return p.base.Write(b)
	case p.sinking:
		p.sink = append(p.sink, b...)
	default:
		if p.pending == nil {
			p.pending = getBuffer()
		}
		p.pending.B = append(p.pending.B, b...)
	}
	return len(b), nil
}

// NetConn is the real one below, nil before Rebase. A tls.Conn cannot be put on
// another net.Conn, so its NetConn answers the pipe for ever, and this method is
// the way from there to the socket.
func (p *pipe) NetConn() net.Conn { return p.base }

func (p *pipe) Close() error {
	if p.base != nil {
		return p.base.Close()
	}
	return nil
}

func (p *pipe) SetDeadline(t time.Time) error {
	if p.base != nil {
		return p.base.SetDeadline(t)
	}
	return nil
}

func (p *pipe) SetReadDeadline(t time.Time) error {
	if p.base != nil {
		return p.base.SetReadDeadline(t)
	}
	return nil
}

func (p *pipe) SetWriteDeadline(t time.Time) error {
	if p.base != nil {
		return p.base.SetWriteDeadline(t)
	}
	return nil
}

func (p *pipe) RemoteAddr() net.Addr {
	if h := p.running.Load(); h != nil && h.peer.Remote != nil {
		return h.peer.Remote
	}
	if p.base != nil {
		return p.base.RemoteAddr()
	}
	return noAddr{}
}

func (p *pipe) LocalAddr() net.Addr {
	if h := p.running.Load(); h != nil && h.peer.Local != nil {
		return h.peer.Local
	}
	if p.base != nil {
		return p.base.LocalAddr()
	}
	return noAddr{}
}

// noAddr is the address of a peer that has none.
type noAddr struct{}

func (noAddr) Network() string { return "unknown" }
func (noAddr) String() string  { return "" }
