package mem

import (
	"fmt"
	"slices"
	"time"

	"github.com/uringserve/uringserve/ring/epoll"
	"github.com/uringserve/uringserve/ring/proactor"
)

// audit stands between a loop and its Port over Calls, and holds both to what
// proactor.Port says: the loop, which provides buffers once and closes what is
// not in use, and the Port, whose completions are those of operations in
// flight. In the style of completions, Port itself sees to the former.
type audit struct {
	proactor.Port
	calls    *Calls
	ops      []audited // in flight, oldest first
	provided []bool    // by buffer
	giving   int       // of provided
	inside   bool
	late     []proactor.Completion // of closed connections, see Faults.Stale
}

// audited is an operation in flight, or a send with Skip that may complete.
type audited struct {
	kind opKind
	skip bool
	ud   proactor.UserData
	fd   int
	size int // of a send
}

func newAudit(c *Calls, p proactor.Port) *audit {
	c.audit = &audit{Port: p, calls: c, provided: make([]bool, p.Buffers())}
	return c.audit
}

func (a *audit) violate(format string, args ...any) {
	a.calls.refuse(0, "%s", fmt.Sprintf(format, args...))
}

// submit is for every operation.
func (a *audit) submit() {
	if a.Space() == 0 {
		a.violate("submission without space")
	}
}

func (a *audit) index(ud proactor.UserData) int {
	return slices.IndexFunc(a.ops, func(o audited) bool { return o.ud == ud })
}

// begin is for operations that complete.
func (a *audit) begin(o audited) {
	a.submit()
	i := a.index(o.ud)
	switch {
	case i < 0:
		a.ops = append(a.ops, o)
	case a.ops[i].skip:
		a.ops[i] = o // the last one was silent
	default:
		a.violate("a %v is submitted while one of the same name is in flight", o.kind)
	}
}

func (a *audit) Accept(fd int, ud proactor.UserData) {
	a.begin(audited{kind: opAccept, ud: ud, fd: fd})
	a.Port.Accept(fd, ud)
}

func (a *audit) Recv(fd int, ud proactor.UserData) {
	a.begin(audited{kind: opRecv, ud: ud, fd: fd})
	if s := a.calls.socket(fd, "a receive"); s != nil {
		s.lastRecv = ud
	}
	a.Port.Recv(fd, ud)
}

func (a *audit) Send(fd int, b []byte, ud proactor.UserData, skip bool) {
	a.begin(audited{kind: opSend, skip: skip, ud: ud, fd: fd, size: len(b)})
	a.Port.Send(fd, b, ud, skip)
}

func (a *audit) PollHangup(fd int, ud proactor.UserData) {
	a.begin(audited{kind: opHangup, ud: ud, fd: fd})
	a.Port.PollHangup(fd, ud)
}

func (a *audit) ArmWake(ud proactor.UserData) {
	a.begin(audited{kind: opWake, ud: ud, fd: -1})
	a.Port.ArmWake(ud)
}

func (a *audit) Cancel(target, ud proactor.UserData) {
	a.submit()
	a.Port.Cancel(target, ud)
}

func (a *audit) Shutdown(fd int, both bool, ud proactor.UserData) {
	a.submit()
	a.Port.Shutdown(fd, both, ud)
}

func (a *audit) Close(fd int, ud proactor.UserData) {
	a.closing(fd)
	a.Port.Close(fd, ud)
}

func (a *audit) Leave(fd int, ud proactor.UserData) {
	a.closing(fd)
	a.Port.Leave(fd, ud)
}

func (a *audit) closing(fd int) {
	a.submit()
	a.ops = slices.DeleteFunc(a.ops, func(o audited) bool {
		if o.fd == fd && !o.skip {
			a.violate("descriptor %d closed with a %v in flight", fd, o.kind)
		}
		return o.fd == fd
	})
	if s := a.calls.socket(fd, "a close"); s != nil {
		a.stale(s)
	}
}

// stale is as Port.stale: a receive of s completes once more.
func (a *audit) stale(s *socket) {
	k := a.calls.k
	if s.lastRecv == 0 || !k.chance(k.o.Faults.Stale) {
		return
	}
	c := proactor.Completion{UserData: s.lastRecv}
	k.at(k.now()+k.random.Int64N(int64(maxTick)), func() { a.late = append(a.late, c) })
}

// Provide scrambles the buffer, so that who still reads it finds other bytes.
func (a *audit) Provide(id uint32) {
	switch {
	case int(id) >= len(a.provided):
		a.violate("buffer %d provided, there are %d", id, len(a.provided))
		return
	case a.provided[id]:
		a.violate("buffer %d provided twice", id)
		return
	case a.giving >= a.Provided():
		a.violate("more than %d buffers provided", a.Provided())
		return
	}
	a.provided[id] = true
	a.giving++
	scramble(a.Buffer(id))
	a.Port.Provide(id)
}

func (a *audit) Enter(wait proactor.Wait, timeout time.Duration) error {
	if a.inside {
		a.violate("two threads in one Enter")
	}
	a.inside = true
	defer func() { a.inside = false }()
	return a.Port.Enter(wait, timeout)
}

func (a *audit) Reap(out []proactor.Completion) int {
	n := a.Port.Reap(out)
	for _, c := range out[:n] {
		k := a.calls.k
		k.note("loop %d: %d.%d res %d", a.calls.index, c.UserData.Op(), c.UserData.Slot(), c.Res)
		if wrong := a.check(c); wrong != "" {
			a.violate("completion %+v: %s", c, wrong)
		}
	}
	late := copy(out[n:], a.late)
	a.late = a.late[late:]
	return n + late
}

// check says what is wrong with a completion, "" for nothing.
func (a *audit) check(c proactor.Completion) string {
	switch c.UserData.Op() {
	case proactor.OpCancel, proactor.OpShutdown, proactor.OpClose, proactor.OpNone:
		if c.Res >= 0 || c.More || c.HasBuf {
			return "completes only on failure"
		}
		return ""
	}
	i := a.index(c.UserData)
	if i < 0 {
		return "of no operation in flight"
	}
	o := a.ops[i]
	if !c.More {
		a.ops = slices.Delete(a.ops, i, i+1)
	}
	if c.HasBuf != (o.kind == opRecv && c.Res > 0) {
		return "bytes need a buffer, and nothing else has one"
	}
	if c.More && (c.Res <= 0 || o.kind == opSend || o.kind == opHangup) && o.kind != opAccept {
		return "goes on although it must be over"
	}
	return a.checkResult(c, &o)
}

func (a *audit) checkResult(c proactor.Completion, o *audited) string {
	switch o.kind {
	case opRecv:
		if c.HasBuf {
			return a.filled(c)
		}
	case opAccept:
		if c.Res < 0 && c.More {
			return "goes on after a failure"
		}
		if c.Res < 0 && c.Res != -int32(proactor.ECANCELED) {
			a.calls.refused--
		}
		if c.Res >= 0 && a.calls.k.file(int(c.Res)).socket == nil {
			return "accepted no open descriptor"
		}
	case opSend:
		if c.Res == 0 || int(c.Res) > o.size || o.skip && int(c.Res) == o.size {
			return fmt.Sprintf("of a send of %d", o.size)
		}
	}
	return ""
}

// filled takes note that a buffer is the loop's.
func (a *audit) filled(c proactor.Completion) string {
	if int(c.Buf) >= len(a.provided) || !a.provided[c.Buf] {
		return "a buffer that was not provided"
	}
	a.provided[c.Buf] = false
	a.giving--
	if int(c.Res) > len(a.Buffer(c.Buf)) {
		return "more bytes than the buffer holds"
	}
	return ""
}

// sleeps is called when the Port is about to wait. What could be done by then
// must have been, or an event must be under way that says so: else the edge has
// been forgotten, and nobody comes back to it.
func (a *audit) sleeps() {
	if a.calls.refused > 0 {
		a.violate("the port waits although an accept has failed, and the loop does not know")
	}
	for _, o := range a.ops {
		w, s := a.calls.find(o.fd), a.calls.k.file(o.fd).socket
		if s == nil || w != nil && (w.listed || w.coming > 0) {
			continue
		}
		able := false
		switch o.kind {
		case opRecv:
			able = s.readable()
		case opSend:
			able = !o.skip && s.holds()&epoll.Writable != 0
		case opHangup:
			able = s.hungUp()
		}
		if able {
			a.violate("the port waits although a %v of %s could be done", o.kind, s.name)
		}
	}
}

func (a *audit) Dispose() {
	for _, o := range a.ops {
		if o.kind != opWake && !o.skip {
			a.violate("disposed of with a %v in flight", o.kind)
		}
	}
	a.Port.Dispose()
}
