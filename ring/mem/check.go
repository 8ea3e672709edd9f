package mem

import (
	"errors"
	"fmt"
	"strings"
)

// Check tells what is wrong: rules of the kernel that the loop has broken, and
// what has leaked. Before Close, connections, leases, unfinished sends and
// their descriptors count as leaks: call it when all connections are closed.
// After Close, threads and listeners do as well.
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
	for _, p := range e.ports {
		for _, o := range p.ops {
			if o.kind != opWake && o.kind != opAccept {
				add("loop %d: a %v in flight", p.index, o.kind)
			}
		}
		if n := len(p.memory.rest); n > 0 {
			add("loop %d: %d allocations not freed", p.index, n)
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
