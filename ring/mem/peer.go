package mem

import (
	"errors"
	"io"
	"net"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/proactor"
)

// ErrRefused is Peer.Read's answer on a connection that nobody accepted,
// because nobody listens.
var ErrRefused = errors.New("mem: connection refused")

// ErrBrokenPipe is Peer.Write's answer after the connection's end.
var ErrBrokenPipe = errors.New("mem: broken pipe")

// Peer is the client's end of a connection. Its methods do not block.
type Peer struct {
	k *kernel
	s *socket // nil: refused
	// failed is a failure that was told, for the calls that follow.
	failed error
}

// Dial connects to address, as Listener.Addr tells it. If nobody listens
// there, reading from the peer says so.
func (e *Engine) Dial(address string) *Peer {
	e.k.rt.Yield("dial")
	s := e.k.connect(address)
	if s == nil {
		return &Peer{k: e.k, failed: ErrRefused}
	}
	return &Peer{k: e.k, s: s}
}

// Write sends what there is room for and says how much that was; 0 without an
// error means that there is no room now.
func (p *Peer) Write(b []byte) (int, error) {
	p.k.rt.Yield("peer writes")
	if p.failed != nil || len(b) == 0 {
		return 0, p.failed
	}
	n, e := p.s.send(b[:p.k.some(len(b))])
	return n, p.fail(e)
}

// Writable reports whether Write would do something.
func (p *Peer) Writable() bool { return p.s == nil || p.s.writable() }

// Read reads what has come; 0 without an error means nothing. The error is
// io.EOF after the server's FIN, ring.ErrReset after its RST.
func (p *Peer) Read(b []byte) (int, error) {
	p.k.rt.Yield("peer reads")
	if p.s == nil || len(p.s.in) == 0 && p.failed != nil {
		return 0, p.failed
	}
	n, e := p.s.recv(b)
	if n > 0 || e == proactor.EAGAIN || len(b) == 0 {
		return n, nil
	}
	if e == 0 && !p.s.dead {
		return 0, io.EOF
	}
	if e == 0 {
		e = proactor.ECONNRESET
	}
	return 0, p.fail(e)
}

// fail makes an error of e, and remembers those that are for good.
func (p *Peer) fail(e proactor.Errno) error {
	switch e {
	case 0, proactor.EAGAIN:
		return nil
	case proactor.ECONNRESET:
		p.failed = ring.ErrReset
	default:
		if p.s.dead {
			p.failed = ring.ErrReset
		} else {
			return ErrBrokenPipe
		}
	}
	return p.failed
}

// Readable reports whether Read would tell something.
func (p *Peer) Readable() bool { return p.s == nil || p.failed != nil || p.s.readable() }

// Buffered is how many bytes Read would find.
func (p *Peer) Buffered() int {
	if p.s == nil {
		return 0
	}
	return len(p.s.in)
}

// Peek is what Read would find, without reading it; not to be changed, and
// valid until the simulation goes on.
func (p *Peer) Peek() []byte {
	if p.s == nil {
		return nil
	}
	return p.s.in
}

// Ended reports whether the server's FIN has come, or a reset, whatever there
// is left to read.
func (p *Peer) Ended() bool { return p.s == nil || p.s.finIn || p.s.dead }

// WasReset reports whether the connection was reset, by either side.
func (p *Peer) WasReset() bool { return p.s != nil && p.s.dead }

// CloseWrite sends a FIN after what was written.
func (p *Peer) CloseWrite() {
	p.k.rt.Yield("peer ends")
	if p.s != nil && !p.s.dead {
		p.s.shutdown(false)
	}
}

// Close closes the peer's end: with a FIN, or with a reset if it has not read
// everything, or if more comes.
func (p *Peer) Close() {
	p.k.rt.Yield("peer closes")
	if p.s != nil {
		p.s.close()
	}
}

// Reset closes the peer's end with a RST.
func (p *Peer) Reset() {
	p.k.rt.Yield("peer resets")
	if p.s != nil {
		p.s.linger0 = true
		p.s.close()
	}
}

// LocalAddr is the peer's address, the server's RemoteAddr. Nil for a Unix
// socket.
func (p *Peer) LocalAddr() net.Addr {
	if p.s == nil {
		return nil
	}
	return p.s.local
}
