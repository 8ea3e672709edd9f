package epoll

import (
	"fmt"
	"math/bits"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/proactor"
)

// scripted is Calls with one socket, whose events come as a test says.
type scripted struct {
	next []Event // what the next Wait tells

	in    []byte         // received, not taken
	fin   bool           // after in
	errno proactor.Errno // after in, once
	dead  bool           // sending fails
	room  int            // bytes that sends take

	watched Events
	token   uint64
	closed  bool
}

func (s *scripted) Watch(_ int, events Events, token uint64) proactor.Errno {
	s.watched, s.token = events, token
	return 0
}
func (s *scripted) Unwatch(int) proactor.Errno { return 0 }

func (s *scripted) Wait(out []Event, _ proactor.Wait, _ time.Duration) (int, proactor.Errno) {
	n := copy(out, s.next)
	s.next = s.next[n:]
	return n, 0
}

func (s *scripted) Accept(int) (int, proactor.Errno) { return -1, proactor.EAGAIN }

func (s *scripted) Recv(_ int, b []byte) (int, proactor.Errno) {
	n := copy(b, s.in)
	s.in = s.in[n:]
	switch {
	case n > 0:
		return n, 0
	case s.errno != 0:
		errno := s.errno
		s.errno = 0
		return 0, errno
	case s.fin:
		return 0, 0
	}
	return 0, proactor.EAGAIN
}

func (s *scripted) Send(_ int, b []byte) (int, proactor.Errno) {
	if s.dead {
		return 0, proactor.EPIPE
	}
	n := min(len(b), s.room)
	if s.room -= n; n == 0 {
		return 0, proactor.EAGAIN
	}
	return n, 0
}

func (s *scripted) Shutdown(int, bool) proactor.Errno { return 0 }
func (s *scripted) ResetOnClose(int)                  {}
func (s *scripted) Close(int) proactor.Errno          { s.closed = true; return 0 }
func (s *scripted) Wake()                             {}
func (s *scripted) Woken() bool                       { return false }
func (s *scripted) Map(n int) ([]byte, error)         { return make([]byte, n), nil }
func (s *scripted) Allocate(n int) []byte             { return make([]byte, n) }
func (s *scripted) Free([]byte)                       {}
func (s *scripted) Now() ring.Instant                 { return 1 }
func (s *scripted) Wall() time.Time                   { return time.Time{} }
func (s *scripted) Dispose()                          {}

// happen changes the socket as an event says that it has changed. Nothing
// comes after a FIN or an error.
func (s *scripted) happen(e Events) {
	over := s.fin || s.dead
	if e&Readable != 0 && !over {
		s.in = append(s.in, "abc"...)
	}
	if e&Writable != 0 && !s.dead {
		s.room = 1 << 20
	}
	if e&ReadEnded != 0 && !over {
		s.fin = true
	}
	if e&Hangup != 0 {
		s.fin, s.dead = true, true
	}
	if e&Error != 0 {
		s.fin, s.dead, s.errno = true, true, proactor.ECONNRESET
	}
}

// model is what the loop must have been told, from what has happened.
type model struct {
	bytes int   // received
	end   int32 // of the receive: 1 none yet
	hung  bool
	send  int32 // of the send: 0 none yet
}

const sendSize = 1000

// after is the model after e has happened to a socket that was drained
// before: at every step all that there is has been told.
func (m *model) after(e Events, s *scripted) {
	if m.end == 1 {
		m.bytes += len(s.in)
		switch {
		case s.errno != 0:
			m.end = failure(s.errno)
		case s.fin:
			m.end = 0
		}
	}
	m.hung = m.hung || e&(Hangup|Error) != 0
	if m.send == 0 {
		switch {
		case s.dead:
			m.send = failure(proactor.EPIPE)
		case s.room > 0:
			m.send = sendSize
		}
	}
}

func failure(errno proactor.Errno) int32 { return -int32(errno) }

// told adds completions up, and fails for those that must not come.
func (m *model) told(t *testing.T, p *Port, at string) {
	var out [3]proactor.Completion
	for n := p.Reap(out[:]); n > 0; n = p.Reap(out[:]) {
		for _, c := range out[:n] {
			switch c.UserData.Op() {
			case proactor.OpRecv:
				if m.end != 1 {
					t.Fatalf("%s: %+v after the end of the receive", at, c)
				}
				if c.More {
					m.bytes += int(c.Res)
					p.Provide(c.Buf)
				} else {
					m.end = c.Res
				}
			case proactor.OpPoll:
				if m.hung || c.More || c.Res != hungUp {
					t.Fatalf("%s: %+v", at, c)
				}
				m.hung = true
			case proactor.OpSendRest:
				if m.send != 0 || c.More {
					t.Fatalf("%s: %+v", at, c)
				}
				m.send = c.Res
			default:
				t.Fatalf("%s: %+v", at, c)
			}
		}
	}
}

// permutations calls f with every order of v.
func permutations(v []Events, f func([]Events)) {
	var permute func(int)
	permute = func(k int) {
		if k == len(v) {
			f(v)
			return
		}
		for i := k; i < len(v); i++ {
			v[k], v[i] = v[i], v[k]
			permute(k + 1)
			v[k], v[i] = v[i], v[k]
		}
	}
	permute(0)
}

// merge joins neighbours of v into one event where mask says so.
func merge(v []Events, mask int) []Events {
	steps := []Events{v[0]}
	for i, e := range v[1:] {
		if mask>>i&1 != 0 {
			steps[len(steps)-1] |= e
		} else {
			steps = append(steps, e)
		}
	}
	return steps
}

// Readable, Writable, ReadEnded, Hangup and Error in every order, and any
// neighbours at once, with a receive, a poll and a send armed: after each the
// loop has been told what the model says. With late, receive and poll are
// armed only when all has happened: nothing was forgotten.
func TestEventsInEveryOrder(t *testing.T) {
	cases := 0
	for _, late := range []bool{false, true} {
		permutations([]Events{Readable, Writable, ReadEnded, Hangup, Error}, func(order []Events) {
			for mask := range 1 << (len(order) - 1) {
				cases++
				eventsInOrder(t, merge(order, mask), late)
			}
		})
	}
	if cases != 2*120*16 {
		t.Errorf("%d cases", cases)
	}
}

func eventsInOrder(t *testing.T, steps []Events, late bool) {
	s := &scripted{}
	p, err := NewPort(s, Options{BufferSize: 2, Provided: 4, Reserve: -1, ArenaBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	for id := range p.Provided() {
		p.Provide(uint32(id))
	}
	ud := func(op proactor.Op) proactor.UserData { return proactor.MakeUserData(op, 0, 1, 5) }
	arm := func() {
		p.Recv(3, ud(proactor.OpRecv))
		p.PollHangup(3, ud(proactor.OpPoll))
	}
	want, got := model{end: 1}, model{end: 1}
	p.Send(3, make([]byte, sendSize), ud(proactor.OpSendRest), false)
	if !late {
		arm()
	}
	turns := func(at string) {
		for range 6 { // of a buffer each, for at most 4, and the end
			if err := p.Enter(proactor.NoWait, 0); err != nil {
				t.Fatal(err)
			}
			got.told(t, p, at)
		}
	}
	turns("before")
	for i, e := range steps {
		at := fmt.Sprintf("late %v, %08b, step %d", late, steps, i)
		s.happen(e)
		if !late {
			want.after(e, s)
		} else if want.hung = want.hung || e&(Hangup|Error) != 0; want.send == 0 {
			w := want
			w.after(e, s)
			want.send = w.send
		}
		s.next = []Event{{s.token, e}, {s.token ^ 1<<24, ^Events(0)}} // and one of the generation before
		turns(at)
		if late && got.hung {
			t.Fatalf("%s: a hang-up for nobody", at)
		}
		if w := want; !late && got != w || late && got.send != w.send {
			t.Fatalf("%s: told %+v, want %+v", at, got, w)
		}
	}
	if late {
		hung := want.hung
		want.after(0, s)
		want.hung = hung
		arm()
		turns("armed late")
		if got != want {
			t.Fatalf("late, %08b: told %+v, want %+v", steps, got, want)
		}
	}
	if s.watched&(interest|Writable) != interest|Writable {
		t.Fatalf("watched for %08b", s.watched)
	}
	if p.named(ud(proactor.OpRecv)).flags&flagListed != 0 || len(p.freeSends) != 1 || bits.OnesCount8(uint8(s.watched)) != 4 {
		t.Fatal("something is left over")
	}
}

// A slot that a closed connection leaves behind on the list of ready ones is
// skipped, and listed once for the next connection.
func TestClosedWhileReady(t *testing.T) {
	s := &scripted{}
	p, err := NewPort(s, Options{BufferSize: 2, Provided: 4, Reserve: -1, ArenaBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	p.Provide(0)
	p.Provide(1)
	old := proactor.MakeUserData(proactor.OpRecv, 0, 1, 5)
	p.Recv(3, old)
	s.in = []byte("for the old one")
	enter := func() {
		t.Helper()
		if err := p.Enter(proactor.WaitLong, -1); err != nil {
			t.Fatal(err)
		}
	}
	enter()
	s.next = []Event{{s.token, Readable}}
	enter()
	var out [8]proactor.Completion
	if n := p.Reap(out[:]); n != 1 || out[0].Res != 2 {
		t.Fatalf("%+v", out[:n])
	}
	// It is ready again, and closed; the next one has its slot, at once ready.
	p.Cancel(old, proactor.MakeUserData(proactor.OpCancel, 0, 1, 5))
	p.Close(3, proactor.MakeUserData(proactor.OpClose, 0, 1, 5))
	young := proactor.MakeUserData(proactor.OpRecv, 0, 2, 5)
	p.Recv(4, young)
	s.in = []byte("xy")
	enter()
	s.next = []Event{{s.token, Readable}}
	enter()
	n := p.Reap(out[:])
	if n != 2 || out[0].UserData != old || out[0].Res != failure(proactor.ECANCELED) || out[1].UserData != young || out[1].Res != 2 {
		t.Fatalf("%+v", out[:n])
	}
	if !s.closed {
		t.Error("it was not closed")
	}
}
