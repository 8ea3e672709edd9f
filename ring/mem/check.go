package mem

import (
	"errors"
	"fmt"
	"strings"
)

// ridden is a loop's kernel, of either style.
type ridden interface {
	common() *host
	inFlight() []opKind
}

func (p *Port) common() *host { return &p.host }

func (p *Port) inFlight() (kinds []opKind) {
	for _, o := range p.ops {
		kinds = append(kinds, o.kind)
	}
	return kinds
}

func (a *audit) common() *host { return &a.calls.host }

func (a *audit) inFlight() (kinds []opKind) {
	for _, o := range a.ops {
		if !o.skip {
			kinds = append(kinds, o.kind)
		}
	}
	return kinds
}

// Check tells what is wrong: rules of the kernel that the loop has broken, and
// what has leaked. Before Close, connections, leases, unfinished sends and
// their descriptors count as leaks: call it when all connections are closed.
// After Close, threads, listeners and the ports' memory do as well.
func (e *Engine) Check() error {
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, v := range e.k.violations {
		add("%s", v)
	}
	st := e.Stats()
	listeners, sockets := e.k.openFiles()
	if st.Conns != 0 {
		add("%d connections not closed", st.Conns)
	}
	if st.LeasesOut != 0 {
		add("%d leases out", st.LeasesOut)
	}
	if st.LeftBehind != 0 {
		add("%d threads left behind", st.LeftBehind)
	}
	if sockets != 0 && e.k.engines <= 1 {
		add("%d sockets open", sockets)
	}
	for _, l := range e.loops {
		h := l.common()
		for _, kind := range l.inFlight() {
			if kind != opWake && kind != opAccept {
				add("loop %d: a %v in flight", h.index, kind)
			}
		}
		if n := len(h.rest.sizes); n > 0 {
			add("loop %d: %d allocations not freed", h.index, n)
		}
		if e.closed && e.left == 0 && !h.disposed {
			add("loop %d: its port is not disposed of", h.index)
		}
	}
	if e.closed {
		if listeners != 0 && e.k.stopped {
			add("%d listeners open", listeners)
		}
		if st.OpsInFlight != 0 {
			add("%d operations in flight", st.OpsInFlight)
		}
		for _, t := range e.s.Live() {
			if e.k.stopped && !strings.HasPrefix(t, "kernel(") {
				add("thread left: %s", t)
			}
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return errors.New("mem: " + strings.Join(wrong, "; ") +
		fmt.Sprintf("\nseed %d, kernel:\n%v", e.k.o.Seed, &e.k.trace))
}
