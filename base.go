package uringserve

import (
	"context"
	"net"
	"sync"

	"github.com/uringserve/uringserve/app/nethttp"
)

// bases are the contexts of listeners, by number. BaseContext is asked once for
// each, by the call that brings the listener: with its own listener before it is
// the engine's, with a stand-in as soon as it is bound. Only a server that has
// been started can have connections by then, and their loops wait.
type bases struct {
	mu  sync.Mutex
	all []*base // guarded by mu
}

type base struct {
	known chan struct{} // closed when ctx is set
	ctx   context.Context
}

// add makes room for the next listener, which has that number. One that could not
// be bound has left its number.
func (b *bases) add(number int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all[:number], &base{known: make(chan struct{})})
}

// put gives a listener its context, once.
func (b *bases) put(number int, ctx context.Context) {
	found := b.of(number)
	found.ctx = ctx
	close(found.known)
}

func (b *bases) of(number int) *base {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all[number]
}

// context is the context of the listener of that number, on its loops.
func (b *bases) context(number int) context.Context {
	found := b.of(number)
	<-found.known
	return found.ctx
}

// askBase is BaseContext's answer for ln. It may call the server: s.mu is not
// held.
func (s *Server) askBase(ln net.Listener) context.Context {
	if s.BaseContext == nil {
		return context.Background()
	}
	ctx := s.BaseContext(ln)
	if ctx == nil {
		panic("BaseContext returned a nil context")
	}
	return ctx
}

// bound is the net.Listener that BaseContext is given when the server has bound
// it itself.
type bound struct{ addr net.Addr }

// Accept fails: the server accepts.
func (bound) Accept() (net.Conn, error) { return nil, nethttp.ErrServed }

// Close does nothing.
func (bound) Close() error { return nil }

// Addr is where the listener is bound.
func (b bound) Addr() net.Addr { return b.addr }
