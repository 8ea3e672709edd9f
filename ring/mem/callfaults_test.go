package mem

import (
	"strings"
	"testing"

	"github.com/uringserve/uringserve/ring/epoll"
	"github.com/uringserve/uringserve/ring/proactor"
)

// Faults may keep something back, never for ever: whoever follows the edges
// gets all bytes, both ways.
func TestFaultsLoseNothing(t *testing.T) {
	const size = 3000
	for seed := range uint64(200) {
		r := newCallRig(t, Options{Seed: seed, SendBuf: 500, RecvBuf: 500, Faults: Faults{
			Split: 0.3, Delay: 0.3, Reorder: 0.3, ShortSend: 0.3, SendError: 0.3,
			Enter: 0.2, Wake: 0.2, Again: 0.3, Spurious: 0.2, Stale: 0.5,
		}})
		r.run(func() {
			var client *socket
			fd := -1
			for client = r.k.connect("/run/socket"); fd < 0; fd, _ = r.c.Accept(r.l) {
			}
			r.watch(fd, readable|readEnded|writable|edge)
			got, sent, ended := 0, 0, false
			r.k.s.Go("peer", func() {
				for done := 0; done < size; {
					r.k.s.WaitFor(func() bool { return client.writable() })
					n, _ := client.send(make([]byte, min(100, size-done)))
					done += n
				}
				client.shutdown(false)
				for n := 1; n > 0; n, _ = client.recv(make([]byte, 77)) {
					r.k.s.WaitFor(client.readable)
				}
			})
			out, b := make([]epoll.Event, 3), make([]byte, 90)
			for !ended || sent < size {
				n, _ := r.c.Wait(out, proactor.WaitLong, -1)
				for _, x := range out[:n] {
					if x.Events&readable != 0 && !ended {
						ended = r.receive(fd, b, &got)
					}
					if x.Events&writable != 0 {
						r.send(fd, size, &sent)
					}
				}
			}
			if got != size {
				t.Errorf("seed %d: %d of %d bytes", seed, got, size)
			}
			r.c.Close(fd)
		})
	}
}

// receive follows an edge: until EAGAIN or a short count.
func (r *callRig) receive(fd int, b []byte, got *int) (ended bool) {
	for {
		n, e := r.c.Recv(fd, b)
		*got += n
		switch {
		case e == 0 && n == 0:
			return true
		case e == proactor.EAGAIN || e == 0 && n < len(b) && r.k.file(fd).holds()&readEnded == 0:
			return false
		}
	}
}

func (r *callRig) send(fd, size int, sent *int) {
	for *sent < size {
		n, e := r.c.Send(fd, make([]byte, size-*sent))
		*sent += n
		if e == proactor.EAGAIN {
			return
		}
	}
}

// Each fault of the calls shows as what Linux may answer.
func TestCallFaults(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(60) {
		r := newCallRig(t, Options{Seed: seed, Faults: Faults{
			Accept: 0.5, Watch: 0.3, Again: 0.3, SendError: 0.3, ShortSend: 0.5, Split: 0.5, Enter: 0.3, Wake: 0.3, Spurious: 0.5, Stale: 0.5,
		}})
		r.run(func() {
			client := r.k.connect("/run/socket")
			fd, e := r.c.Accept(r.l)
			for ; e != 0; fd, e = r.c.Accept(r.l) {
				seen["accept "+errnoName(e)] = true
			}
			for e = r.c.Watch(fd, readable|edge, uint64(fd)); e != 0; e = r.c.Watch(fd, readable|edge, uint64(fd)) {
				seen["watch "+errnoName(e)] = true
			}
			client.send(make([]byte, 50))
			b := make([]byte, 50)
			n, e := r.c.Recv(fd, b)
			seen["recv "+errnoName(e)] = true
			seen["recv short"] = seen["recv short"] || n > 0 && n < len(b)
			n, e = r.c.Send(fd, b)
			seen["send "+errnoName(e)] = true
			seen["send short"] = seen["send short"] || n > 0 && n < len(b)
			_, e = r.c.Wait(make([]epoll.Event, 4), proactor.NoWait, 0)
			seen["wait "+errnoName(e)] = true
			for range 40 {
				r.c.Recv(fd, b)
			}
			for range 5 {
				seen["spurious"] = seen["spurious"] || len(poll(r.c)) > 0 && len(client.other.in) == 0
			}
			r.c.Close(fd)
			r.k.s.Sleep(2 * maxTick)
			for range 5 {
				got := poll(r.c)
				seen["ghost"] = seen["ghost"] || len(got) > 0 && got[0].Token == uint64(fd)
			}
		})
	}
	for _, want := range []string{
		"accept EMFILE", "accept ENFILE", "accept ECONNABORTED", "accept ENOMEM", "accept EAGAIN", "accept EINTR",
		"recv EAGAIN", "recv EINTR", "recv ok", "recv short", "send EAGAIN", "send EINTR", "send ok", "send short",
		"wait EINTR", "wait ok", "watch ENOMEM", "spurious", "ghost",
	} {
		if !seen[want] {
			t.Errorf("never seen: %s", want)
		}
		delete(seen, want)
	}
	for what, is := range seen {
		if is {
			t.Errorf("seen: %s", what)
		}
	}
}

func errnoName(e proactor.Errno) string {
	names := map[proactor.Errno]string{
		0: "ok", proactor.EAGAIN: "EAGAIN", proactor.EINTR: "EINTR", proactor.EMFILE: "EMFILE",
		proactor.ENFILE: "ENFILE", proactor.ECONNABORT: "ECONNABORTED", proactor.ENOMEM: "ENOMEM",
	}
	if n := names[e]; n != "" {
		return n
	}
	return "another"
}

// Events of one batch come in any order.
func TestEventsInAnyOrder(t *testing.T) {
	orders := map[string]bool{}
	for seed := range uint64(100) {
		r := newCallRig(t, Options{Seed: seed, Faults: Faults{Reorder: 0.9}})
		r.run(func() {
			for range 3 {
				client, _ := r.watched(readable | edge)
				client.send([]byte("x"))
			}
			var order []string
			for _, x := range poll(r.c) {
				order = append(order, string(rune('a'+x.Token-uint64(r.l))))
			}
			orders[strings.Join(order, "")] = true
		})
	}
	if len(orders) != 6 {
		t.Errorf("%d orders of 3 events: %v", len(orders), orders)
	}
}
