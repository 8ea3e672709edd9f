package mem

import (
	"slices"

	"github.com/uringserve/uringserve/ring/proactor"
)

// opKind is what an operation waits for.
type opKind uint8

const (
	opAccept opKind = iota
	opRecv
	opSend // that waits
	opHangup
	opWake
)

func (k opKind) String() string {
	return [...]string{"accept", "recv", "send", "hangup", "wake"}[k]
}

// op is an operation in flight.
//
//	            something to do      its thread may, see mayRun
//	armed ────────────────────▶ due ────────────────────────────▶ step ──▶ ended
//	  ▲                                                             │
//	  └─────────────────────────────────────────────────────────────┘
type op struct {
	kind   opKind
	ud     proactor.UserData
	thread int // that submitted it
	port   *Port
	socket *socket
	lis    *listener
	b      []byte // of a send
	sent   int    // of them taken

	isDue     bool
	due       int64 // not before
	tick      int64 // when a computing thread lets it run; 0: not known
	cancelled bool
	ended     bool
	shown     uint64 // wake: the last one it told of
}

// ready reports whether o has something to do.
func (o *op) ready() bool {
	if o.cancelled {
		return true
	}
	switch o.kind {
	case opAccept:
		return len(o.lis.queue) > 0
	case opRecv:
		return o.socket.readable()
	case opSend:
		return o.socket.writable()
	case opHangup:
		return o.socket.hungUp()
	}
	return o.port.woken && o.shown != o.port.wakes
}

// poke marks the operations that have something to do now.
func (k *kernel) poke(ops []*op) {
	for _, o := range ops {
		o.port.poke(o)
	}
}

func (p *Port) poke(o *op) {
	if o.isDue || o.ended || !o.ready() {
		return
	}
	o.isDue, o.tick = true, 0
	o.due = p.k.now()
	if d := p.k.delay(); d > 0 {
		o.due += d
		p.k.at(o.due, nil)
	}
	p.due = append(p.due, o)
	if o.thread != p.leader {
		p.k.tickLater(o)
	}
}

// runnable reports whether some completion may run for thread me. It only
// looks.
func (p *Port) runnable(me int) bool {
	for _, o := range p.due {
		if p.k.mayRun(o, me) {
			return true
		}
	}
	return false
}

// work runs the completions that may run, in the order in which they came due
// or, with Reorder, in another.
func (p *Port) work(me int) {
	for _, thread := range p.threads {
		if thread != me && p.k.gone(thread) {
			p.cancelThread(thread)
		}
	}
	var batch []*op
	p.due = slices.DeleteFunc(p.due, func(o *op) bool {
		if !p.k.mayRun(o, me) {
			return false
		}
		batch = append(batch, o)
		return true
	})
	if p.k.chance(p.k.o.Faults.Reorder) {
		p.k.random.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
	}
	for _, o := range batch {
		o.isDue = false
		o.step()
		p.poke(o)
	}
}

// cancelThread is what Linux does to the operations of a thread that ended.
func (p *Port) cancelThread(thread int) {
	for _, o := range slices.Clone(p.ops) {
		if o.thread == thread && !o.cancelled {
			p.k.note("loop %d: thread %d ended, %v cancelled", p.index, thread, o.kind)
			o.cancelled = true
			p.poke(o)
		}
	}
}

// step does what there is to do.
func (o *op) step() {
	if o.ended {
		return
	}
	if o.cancelled && (o.kind != opRecv || !o.socket.readable() || o.port.k.random.IntN(2) == 0) {
		o.cancel()
		return
	}
	switch o.kind {
	case opAccept:
		o.accept()
	case opRecv:
		o.recv()
	case opSend:
		o.send()
	case opHangup:
		if o.ready() && !o.spoilt() {
			o.end(1)
		}
	case opWake:
		if o.ready() {
			o.shown = o.port.wakes
			o.show(proactor.Completion{Res: 1})
		}
	}
	if o.cancelled && !o.ended {
		o.cancel()
	}
}

// cancel ends o because it was cancelled. What a send has sent counts.
func (o *op) cancel() {
	if o.sent > 0 {
		o.end(int32(o.sent))
		return
	}
	o.end(-int32(proactor.ECANCELED))
}

// maxShots is how often a multishot runs before others get their turn.
const maxShots = 32

func (o *op) accept() {
	k := o.port.k
	for range maxShots {
		if o.ended || len(o.lis.queue) == 0 {
			return
		}
		if k.chance(k.o.Faults.Accept) {
			e := k.anyOf(proactor.EMFILE, proactor.ENFILE, proactor.ECONNABORT, proactor.ENOMEM)
			o.end(-int32(e))
			return
		}
		if o.spoilt() {
			return
		}
		s := o.lis.accept()
		fd := k.open(file{socket: s})
		k.note("loop %d accepts %s as %d", o.port.index, s.name, int32(fd))
		o.show(proactor.Completion{Res: int32(fd)})
	}
}

func (o *op) recv() {
	p, s := o.port, o.socket
	for range maxShots {
		if o.ended || !s.readable() || o.spoilt() {
			return
		}
		if len(s.in) == 0 {
			_, e := s.recv(nil)
			o.end(-int32(e))
			return
		}
		id, ok := p.memory.take()
		if !ok {
			o.end(-int32(proactor.ENOBUFS))
			return
		}
		b := p.memory.buffers[id]
		n, _ := s.recv(b[:min(len(b), p.k.some(len(s.in)))])
		p.k.note("%s receives %d", s.name, int32(n))
		scramble(b[n:])
		o.show(proactor.Completion{Res: int32(n), HasBuf: true, Buf: id})
	}
}

func (o *op) send() {
	k := o.port.k
	for o.sent < len(o.b) {
		n, e := o.socket.send(o.b[o.sent:][:k.some(len(o.b)-o.sent)])
		switch {
		case e == proactor.EAGAIN:
			return
		case e != 0 && o.sent > 0:
			o.end(int32(o.sent))
			return
		case e != 0:
			o.end(-int32(e))
			return
		}
		o.sent += n
	}
	o.end(int32(o.sent))
}

// spoilt ends a multishot, sometimes, for no reason that its user could know.
func (o *op) spoilt() bool {
	k := o.port.k
	if !k.chance(k.o.Faults.Error) {
		return false
	}
	e := k.anyOf(proactor.ECANCELED, proactor.EINTR)
	if o.kind == opRecv && k.random.IntN(2) == 0 {
		e = proactor.ENOBUFS
	}
	o.end(-int32(e))
	return true
}

// show posts one of several results. The operation ends with it if the queue
// is full, as in Linux, or by a fault.
func (o *op) show(c proactor.Completion) {
	k := o.port.k
	c.UserData = o.ud
	c.More = !o.port.full() && !k.chance(k.o.Faults.End)
	if !c.More {
		o.remove()
	}
	o.port.post(c)
}

// end posts the last result.
func (o *op) end(res int32) {
	o.remove()
	o.port.k.note("%s %s ends: %d", o.name(), o.kind.String(), res)
	o.port.post(proactor.Completion{UserData: o.ud, Res: res})
}

func (o *op) name() string {
	if o.socket != nil {
		return o.socket.name
	}
	return "loop"
}

func (o *op) remove() {
	o.ended = true
	is := func(x *op) bool { return x == o }
	o.port.ops = slices.DeleteFunc(o.port.ops, is)
	if o.isDue {
		o.port.due = slices.DeleteFunc(o.port.due, is)
	}
	switch {
	case o.socket != nil:
		o.socket.remove(o)
	case o.lis != nil:
		o.lis.remove(o)
	}
}
