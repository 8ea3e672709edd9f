package tls

import (
	"fmt"
	"runtime"
	"sync"

	cryptotls "crypto/tls"
)

// HandshakerOptions bound what handshakes may cost together. Zero fields have
// the defaults.
type HandshakerOptions struct {
	// Waiting is how many handshakes may wait for their client, from the
	// accept on. One more, and the one that has waited longest is dropped:
	// Crowded. Default 10,000 (ours). One that has sent its ClientHello costs
	// some 22 KB, most of it the goroutine's stack (TestWaitingMemory).
	Waiting int

	// Ready is how many handshakes with a whole ClientHello may wait for a
	// CPU. One more is refused: Overloaded. Default 10,000 (ours), what two
	// CPUs compute in seven seconds with RSA keys of 2048 bits.
	Ready int

	// Computing is how many handshakes compute at a time. Default GOMAXPROCS.
	Computing int

	// HelloBytes is the longest ClientHello, in bytes on the wire. Longer:
	// HelloTooLarge. Default and most MaxHello, 64 KiB (crypto/tls).
	HelloBytes int

	// InputBytes is how much ciphertext handshakes may hold together, in
	// bytes. Beyond it the one that sent goes if it holds more than
	// HelloBytes, else the one that has waited longest: Overloaded, Crowded.
	// Default 64 MiB (ours).
	InputBytes int

	// Go runs a handshake, which may block, on a goroutine. Default: a new one.
	Go func(task func())
}

// OptionError says which option has a value that cannot be used.
type OptionError struct {
	Option string // the name of the field
	Value  string
	Want   string // what would be valid
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("tls: option %s is %s, must be %s", e.Option, e.Value, e.Want)
}

const maxCount = 1 << 30

// validate fills in defaults.
func (o *HandshakerOptions) validate() error {
	for _, v := range [...]struct {
		name           string
		field          *int
		preset, utmost int
	}{
		{"Waiting", &o.Waiting, 10_000, maxCount},
		{"Ready", &o.Ready, 10_000, maxCount},
		{"Computing", &o.Computing, runtime.GOMAXPROCS(0), maxCount},
		{"HelloBytes", &o.HelloBytes, MaxHello, MaxHello},
		{"InputBytes", &o.InputBytes, 64 << 20, maxCount},
	} {
		if *v.field == 0 {
			*v.field = v.preset
		}
		if *v.field < 1 || *v.field > v.utmost {
			return &OptionError{v.name, fmt.Sprint(*v.field), fmt.Sprintf("1 to %d", v.utmost)}
		}
	}
	if o.Go == nil {
		o.Go = func(task func()) { go task() }
	}
	return nil
}

// A Handshaker runs the handshakes of any number of loops within its bounds.
// Safe for concurrent use.
//
// Handshakes that have begun come before fresh ones when a slot is free: a
// fresh one starts only while none that has begun is ready. So at most Waiting +
// Computing goroutines exist at a time.
type Handshaker struct {
	opt HandshakerOptions

	mu        sync.Mutex // never held during a call out of the package
	waiting   handshakeList
	resumed   handshakeList
	fresh     handshakeList
	computing int
	charged   int
	stats     HandshakeStats
}

// HandshakeStats are a Handshaker's counters. Gauges are marked.
type HandshakeStats struct {
	Waiting   int // gauge: wait for their client
	Ready     int // gauge: wait for a CPU
	Computing int // gauge
	Input     int // gauge: bytes of ciphertext held, as last counted

	Started   uint64 // got a goroutine
	Succeeded uint64
	Failed    uint64 // ended otherwise, whatever the reason
	Crowded   uint64 // of Failed
	Shed      uint64 // of Failed: Overloaded
}

// NewHandshaker answers an *OptionError for an option out of range.
func NewHandshaker(o HandshakerOptions) (*Handshaker, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Handshaker{opt: o}, nil
}

// Stats reads the counters.
func (p *Handshaker) Stats() HandshakeStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Waiting = p.waiting.n
	s.Ready = p.resumed.n + p.fresh.n
	s.Computing = p.computing
	s.Input = p.charged
	return s
}

// work is what has to be done after p.mu is released.
type work struct {
	start []*handshake // get a goroutine
	tell  []*handshake // their loops look at them
}

// do ends a critical section: it unlocks p.mu, then calls out.
func (p *Handshaker) do(w *work) {
	p.mu.Unlock()
	for _, h := range w.start {
		p.opt.Go(h.run)
	}
	for _, h := range w.tell {
		h.notify()
	}
}

// Accept begins the handshake of a connection that was just accepted: it waits
// for its client from now on. cfg and peer are retained until it is over.
//
// notify is called, on any goroutine and perhaps from within a method of
// another Conn, with no lock held, when the loop should look at the Conn (Poll
// and AppendOutput). It must not block or touch the Conn; ring.Loop.Post is
// meant. It may come once too often, also after Abort.
func (p *Handshaker) Accept(cfg *cryptotls.Config, peer Peer, notify func()) *Conn {
	c := &Conn{}
	c.hs = &handshake{p: p, c: c, cfg: cfg, peer: peer, notify: notify}
	c.running.Store(c.hs)
	var w work
	p.mu.Lock()
	p.waiting.push(c.hs)
	p.crowd(&w)
	p.do(&w)
	return c
}

// crowd drops who has waited longest while too many wait.
func (p *Handshaker) crowd(w *work) {
	for p.waiting.n > p.opt.Waiting {
		p.end(p.waiting.head, Crowded, w)
	}
}

// fed takes note of n bytes from h's client, which make it ready or not.
func (p *Handshaker) fed(h *handshake, n int, ready bool) {
	var w work
	p.mu.Lock()
	if h.cause == nil && h.stage != stageOver {
		h.charge += n
		p.charged += n
		p.weigh(h, &w)
	}
	if ready {
		p.advance(h, &w)
	}
	p.dispatch(&w)
	p.do(&w)
}

// weigh drops handshakes while they hold too much together.
func (p *Handshaker) weigh(h *handshake, w *work) {
	for p.charged > p.opt.InputBytes {
		victim := p.waiting.head
		if h.charge > p.opt.HelloBytes || victim == nil {
			p.end(h, Overloaded, w)
			return
		}
		p.end(victim, Crowded, w)
		if victim == h {
			return
		}
	}
}

// advance makes h ready, or tells its goroutine not to wait.
func (p *Handshaker) advance(h *handshake, w *work) {
	switch h.stage {
	case stageHello:
		if p.fresh.n >= p.opt.Ready {
			p.end(h, Overloaded, w)
			return
		}
		h.leave()
		h.stage = stageReady
		p.fresh.push(h)
	case stageWaiting:
		h.leave()
		h.stage = stageReady
		p.resumed.push(h)
	case stageComputing, stageReady:
		h.again = true
	}
}

// dispatch gives free slots to who is ready.
func (p *Handshaker) dispatch(w *work) {
	for p.computing < p.opt.Computing {
		h := p.resumed.head
		if h == nil {
			h = p.fresh.head
		}
		if h == nil {
			return
		}
		h.leave()
		h.stage = stageComputing
		p.computing++
		if h.started {
			h.signal()
			continue
		}
		h.started = true
		h.wake = make(chan struct{}, 1)
		p.stats.Started++
		w.start = append(w.start, h)
	}
}

// await gives up h's slot until its client has sent something, and answers why
// it never will. On h's goroutine.
func (p *Handshaker) await(h *handshake) *HandshakeError {
	var w work
	p.mu.Lock()
	if h.cause != nil || h.again {
		h.again = false
		p.mu.Unlock()
		return h.cause
	}
	// h.mu within p.mu, here only. What is between put and fed counts twice
	// until the next time.
	left := h.held()
	p.charged += left - h.charge
	h.charge = left
	p.computing--
	h.stage = stageWaiting
	p.waiting.push(h)
	p.crowd(&w)
	p.dispatch(&w)
	w.tell = append(w.tell, h) // there may be output
	p.do(&w)
	<-h.wake
	p.mu.Lock()
	defer p.mu.Unlock()
	return h.cause
}

// finish takes the result. On h's goroutine, its last act.
func (p *Handshaker) finish(h *handshake) {
	var w work
	p.mu.Lock()
	if h.stage == stageComputing {
		p.computing--
	}
	h.stage = stageOver
	p.uncharge(h)
	switch {
	case h.cause != nil: // counted already
		h.tc, h.err = nil, h.cause
	case h.err == nil:
		p.stats.Succeeded++
	default:
		p.stats.Failed++
	}
	h.over.Store(true)
	if !h.abandoned.Load() {
		w.tell = append(w.tell, h)
	}
	p.dispatch(&w)
	p.do(&w)
}

// end ends h before its time. If it has a goroutine, the end comes by that: one
// that computes keeps its slot until it asks for more input.
func (p *Handshaker) end(h *handshake, r Reason, w *work) {
	if h.stage == stageOver || h.cause != nil {
		return
	}
	h.cause = &HandshakeError{Reason: r}
	p.stats.Failed++
	switch r {
	case Crowded:
		p.stats.Crowded++
	case Overloaded:
		p.stats.Shed++
	}
	h.leave()
	p.uncharge(h)
	if h.stage != stageComputing {
		h.stage = stageOver
	}
	if h.started {
		h.signal()
		return
	}
	h.err = h.cause
	h.over.Store(true)
	w.tell = append(w.tell, h)
}

// uncharge gives up what h was charged with.
func (p *Handshaker) uncharge(h *handshake) {
	p.charged -= h.charge
	h.charge = 0
}

// abort ends h for its loop, which does not want to hear of it again.
func (p *Handshaker) abort(h *handshake, r Reason) {
	var w work
	h.abandoned.Store(true)
	p.mu.Lock()
	p.end(h, r, &w)
	p.dispatch(&w)
	w.tell = nil
	p.do(&w)
}

// signal wakes h's goroutine, or has it not block. One signal is enough.
func (h *handshake) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}
