package mem

import (
	"slices"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring/epoll"
	"github.com/uringserve/uringserve/ring/proactor"
)

// The rules of Calls are watched.
func TestCallViolations(t *testing.T) {
	for name, breakIt := range map[string]func(r *callRig, fd int){
		"watch a closed one":     func(r *callRig, fd int) { r.c.Close(fd); r.c.Watch(fd, readable, 0) },
		"close twice":            func(r *callRig, fd int) { r.c.Close(fd); r.c.Close(fd) },
		"recv from a closed one": func(r *callRig, fd int) { r.c.Close(fd); r.c.Recv(fd, make([]byte, 1)) },
		"send to a closed one":   func(r *callRig, fd int) { r.c.Close(fd); r.c.Send(fd, make([]byte, 1)) },
		"shut a closed one":      func(r *callRig, fd int) { r.c.Close(fd); r.c.Shutdown(fd, true) },
		"reset a closed one":     func(r *callRig, fd int) { r.c.Close(fd); r.c.ResetOnClose(fd) },
		"accept from no one":     func(r *callRig, fd int) { r.c.Accept(fd) },
		"recv without room":      func(r *callRig, fd int) { r.c.Recv(fd, nil) },
		"send nothing":           func(r *callRig, fd int) { r.c.Send(fd, nil) },
		"wait without room":      func(r *callRig, _ int) { r.c.Wait(nil, proactor.NoWait, 0) },
		"not on the list":        func(r *callRig, fd int) { r.c.Unwatch(fd) },
		"off the list twice":     func(r *callRig, fd int) { r.watch(fd, readable); r.c.Unwatch(fd); r.c.Unwatch(fd) },
		"exclusive with FINs":    func(r *callRig, _ int) { r.c.Watch(r.l, readable|readEnded|exclusive, 0) },
		"exclusive changed":      func(r *callRig, _ int) { r.watch(r.l, readable|exclusive); r.c.Watch(r.l, readable, 0) },
		"made exclusive":         func(r *callRig, _ int) { r.watch(r.l, readable); r.c.Watch(r.l, readable|exclusive, 0) },
		"listener closed":        func(r *callRig, _ int) { r.watch(r.l, readable); sockets{r.k}.CloseListener(r.l) },
		"closed under another":   func(r *callRig, fd int) { r.watch(fd, readable); r.calls[1].Close(fd) },
		"mapped late":            func(r *callRig, _ int) { poll(r.c); r.c.Map(1) },
		"mapped nothing":         func(r *callRig, _ int) { r.c.Map(0) },
		"freed twice":            func(r *callRig, _ int) { b := r.c.Allocate(5); r.c.Free(b); r.c.Free(b) },
		"not freed":              func(r *callRig, _ int) { r.c.Allocate(5); r.c.Dispose() },
		"disposed watching":      func(r *callRig, fd int) { r.watch(fd, readable); r.c.Dispose() },
		"disposed twice":         func(r *callRig, _ int) { r.c.Dispose(); r.c.Dispose() },
		"used after Dispose":     func(r *callRig, _ int) { r.c.Dispose(); poll(r.c) },
		"two threads": func(r *callRig, _ int) {
			r.k.s.Go("other", func() { r.c.Wait(make([]epoll.Event, 1), proactor.WaitLong, time.Second) })
			r.k.s.Sleep(time.Millisecond)
			poll(r.c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newCallRig(t, Options{Loops: 2})
			if v := r.play(func() {
				_, fd := r.connected()
				breakIt(r, fd)
			}); len(v) == 0 {
				t.Error("not seen")
			}
		})
	}
}

// What is allowed is no violation.
func TestNoCallViolations(t *testing.T) {
	r := newCallRig(t, Options{})
	b, err := r.c.Map(64)
	if err != nil || len(b) != 64 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	clear(b)
	r.run(func() {
		_, fd := r.watched(readable | edge)
		r.c.Free(r.c.Allocate(5))
		r.c.ResetOnClose(fd)
		r.c.Close(fd)
		r.watch(r.l, readable|exclusive)
		r.c.Unwatch(r.l)
		r.c.Dispose()
		r.c.Wake()
	})
	if slices.Max(b) == 0 {
		t.Error("mapped memory is left as it was")
	}
}
