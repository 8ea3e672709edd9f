package mem

import (
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring/epoll"
	"github.com/uringserve/uringserve/ring/proactor"
)

// scripted is a Port that tells what a test wants.
type scripted struct {
	proactor.Port
	tells []proactor.Completion
}

func (s *scripted) Reap(out []proactor.Completion) int {
	n := copy(out, s.tells)
	s.tells = s.tells[n:]
	return n + s.Port.Reap(out[n:])
}

// auditRig is the Port of ring/epoll, scripted, under an audit.
type auditRig struct {
	*callRig
	a *audit
	s *scripted
}

func newAuditRig(t *testing.T, o Options) *auditRig {
	t.Helper()
	r := newCallRig(t, o)
	p, err := epoll.NewPort(r.c, epoll.Options{Queue: 8, BufferSize: 16, Provided: 4, Reserve: 4, ArenaBytes: arenaBytes})
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{Port: p}
	return &auditRig{r, newAudit(r.c, s), s}
}

func (r *auditRig) enter() []proactor.Completion {
	if err := r.a.Enter(proactor.NoWait, 0); err != nil {
		r.t.Error(err)
	}
	out := make([]proactor.Completion, 16)
	return out[:r.a.Reap(out)]
}

func (r *auditRig) tell(c proactor.Completion) {
	r.s.tells = []proactor.Completion{c}
	r.enter()
}

// What loop and Port must not do is seen.
func TestAuditViolations(t *testing.T) {
	recv, send, skip := ud(proactor.OpRecv), ud(proactor.OpSendRest), ud(proactor.OpSend)
	for name, breakIt := range map[string]func(r *auditRig, fd int){
		"provided twice":        func(r *auditRig, _ int) { r.a.Provide(1); r.a.Provide(1) },
		"no such buffer":        func(r *auditRig, _ int) { r.a.Provide(8) },
		"too many provided":     func(r *auditRig, _ int) { provide(r.a, 5) },
		"closed while it waits": func(r *auditRig, fd int) { r.a.Recv(fd, recv); r.a.Close(fd, ud(proactor.OpClose)) },
		"closed twice": func(r *auditRig, fd int) {
			r.a.Close(fd, ud(proactor.OpClose))
			r.enter()
			r.a.Close(fd, ud(proactor.OpClose))
		},
		"no space": func(r *auditRig, fd int) {
			for range 9 {
				r.a.Cancel(send, ud(proactor.OpNone))
			}
		},
		"one name twice": func(r *auditRig, fd int) { r.a.Recv(fd, recv); r.a.Recv(fd, recv) },
		"disposed of in flight": func(r *auditRig, fd int) {
			r.a.Recv(fd, recv)
			r.enter()
			r.a.Dispose()
		},
		"of nothing":            func(r *auditRig, _ int) { r.tell(proactor.Completion{UserData: recv}) },
		"a cancel that tells":   func(r *auditRig, _ int) { r.tell(proactor.Completion{UserData: ud(proactor.OpCancel)}) },
		"bytes without buffer":  func(r *auditRig, fd int) { r.tellRecv(fd, proactor.Completion{Res: 1, More: true}) },
		"buffer without bytes":  func(r *auditRig, fd int) { r.tellRecv(fd, proactor.Completion{HasBuf: true}) },
		"buffer not provided":   func(r *auditRig, fd int) { r.tellRecv(fd, proactor.Completion{Res: 1, HasBuf: true, Buf: 7}) },
		"more than it holds":    func(r *auditRig, fd int) { r.tellRecv(fd, proactor.Completion{Res: 17, HasBuf: true, Buf: 1}) },
		"goes on after the FIN": func(r *auditRig, fd int) { r.tellRecv(fd, proactor.Completion{More: true}) },
		"more sent than given":  func(r *auditRig, fd int) { r.tellSend(fd, send, 6) },
		"nothing sent":          func(r *auditRig, fd int) { r.tellSend(fd, send, 0) },
		"skipped and whole":     func(r *auditRig, fd int) { r.tellSend(fd, skip, 5) },
		"an edge forgotten": func(r *auditRig, fd int) {
			r.a.begin(audited{kind: opRecv, ud: recv, fd: fd}) // the Port does not hear of it
			r.watch(fd, readable|edge)
			r.k.file(fd).socket.other.send([]byte("x"))
			poll(r.c)
			r.sleep()
		},
		"room forgotten": func(r *auditRig, fd int) {
			r.a.begin(audited{kind: opSend, ud: send, fd: fd, size: 1})
			r.sleep()
		},
		"a hangup forgotten": func(r *auditRig, fd int) {
			r.a.begin(audited{kind: opHangup, ud: ud(proactor.OpPoll), fd: fd})
			r.c.Shutdown(fd, true)
			r.sleep()
		},
		"a failed accept forgotten": func(r *auditRig, _ int) {
			r.k.o.Faults.Accept = 1
			r.k.connect("/run/socket")
			r.c.Accept(r.l)
			r.sleep()
		},
		"accepted nothing": func(r *auditRig, _ int) {
			r.a.Accept(r.l, ud(proactor.OpAccept))
			r.enter()
			r.tell(proactor.Completion{UserData: ud(proactor.OpAccept), Res: 999, More: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newAuditRig(t, Options{})
			done := false
			r.k.s.Go("test", func() {
				_, fd := r.connected()
				breakIt(r, fd)
				done = true
			})
			// The Port may find it too much, and panic.
			err := r.k.s.Run(func() bool { return done })
			if len(r.k.violations) == 0 {
				t.Errorf("not seen; %v", err)
			}
		})
	}
}

func (r *auditRig) sleep() {
	if err := r.a.Enter(proactor.WaitLong, time.Millisecond); err != nil {
		r.t.Error(err)
	}
}

func provide(a *audit, n uint32) {
	for id := range n {
		a.Provide(id)
	}
}

// tellRecv has a receive complete as c says.
func (r *auditRig) tellRecv(fd int, c proactor.Completion) {
	provide(r.a, 4)
	c.UserData = ud(proactor.OpRecv)
	r.a.Recv(fd, c.UserData)
	r.enter()
	r.tell(c)
}

// tellSend has a send of five bytes, which the audit alone hears of, complete.
func (r *auditRig) tellSend(fd int, name proactor.UserData, res int32) {
	r.a.begin(audited{kind: opSend, skip: name.Op() == proactor.OpSend, ud: name, fd: fd, size: 5})
	r.tell(proactor.Completion{UserData: name, Res: res})
}

// An exchange as it should be is no violation, and a buffer that was given back
// is not as it was.
func TestAuditOfAnExchange(t *testing.T) {
	r := newAuditRig(t, Options{Faults: Faults{Stale: 1}})
	r.run(func() {
		client, fd := r.connected()
		r.a.Provide(1)
		r.a.Recv(fd, ud(proactor.OpRecv))
		r.enter()
		client.send([]byte("hello"))
		got := r.enter()
		if len(got) != 1 || got[0].Res != 5 || string(r.a.Buffer(got[0].Buf)[:5]) != "hello" {
			t.Fatalf("received %+v", got)
		}
		r.a.Provide(got[0].Buf)
		if string(r.a.Buffer(got[0].Buf)[:5]) == "hello" {
			t.Error("the buffer is as it was")
		}
		r.a.Send(fd, []byte("hello"), ud(proactor.OpSend), true)
		r.a.Send(fd, []byte("again"), ud(proactor.OpSend), true)
		r.a.Cancel(ud(proactor.OpRecv), ud(proactor.OpCancel))
		if got := r.enter(); len(got) != 1 || got[0].Res != -int32(proactor.ECANCELED) {
			t.Errorf("sent and cancelled: %+v", got)
		}
		if string(client.in) != "helloagain" {
			t.Errorf("sent %q", client.in)
		}
		r.a.Close(fd, ud(proactor.OpClose))
		r.enter()
		r.k.s.Sleep(2 * maxTick)
		if got := r.enter(); len(got) != 1 || got[0].UserData != ud(proactor.OpRecv) {
			t.Errorf("the receive does not complete once more: %+v", got)
		}
		r.a.Dispose()
	})
}
