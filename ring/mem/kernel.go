package mem

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/uringserve/uringserve/ring/takeover"
	"github.com/uringserve/uringserve/ring/takeover/sched"
)

// kernel is what all loops of an engine share: descriptors, the network, time,
// and the rule of threads. It needs no lock: one simulated thread runs at a
// time, and the kernel gives way only in Enter.
type kernel struct {
	s      *sched.Scheduler
	rt     takeover.Runtime
	o      Options
	random *rand.Rand // its own, so that the scheduler's choices stay apart
	trace  trace

	files     []file // by descriptor less firstFD
	listeners []*listener
	ports     []*Port
	events    []event // by time
	eventSeq  uint64
	hard      map[int]bool // threads in SleepHard
	resets    int          // connections that Faults.Reset, Watch or Accept broke
	pairs     int          // connections made
	tcpPort   int          // the last one that was chosen
	engines   int          // not closed
	running   bool
	stopped   bool

	violations []string // of the rules of Port
}

// firstFD is the first descriptor's number: no index, so that mix-ups show.
const firstFD = 100

// file is what a descriptor means; both nil: free.
type file struct {
	socket   *socket
	listener *listener
}

func newKernel(s *sched.Scheduler, o Options) *kernel {
	return &kernel{
		s: s, rt: s.Runtime(), o: o,
		random:  rand.New(rand.NewPCG(o.Seed, 0xfa017)),
		hard:    map[int]bool{},
		trace:   trace{lines: make([]line, o.TraceLines)},
		tcpPort: 40000,
	}
}

func (k *kernel) now() int64 { return int64(k.s.Now()) }

// violate notes that the loop broke a rule. Check tells.
func (k *kernel) violate(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	k.note("VIOLATION %s", text)
	if len(k.violations) < 10 {
		k.violations = append(k.violations, text)
	}
}

// open gives f the lowest free descriptor, as Unix does.
func (k *kernel) open(f file) int {
	if f.socket != nil {
		f.socket.refs++
	}
	for i := range k.files {
		if k.files[i] == (file{}) {
			k.files[i] = f
			return firstFD + i
		}
	}
	k.files = append(k.files, f)
	return firstFD + len(k.files) - 1
}

// file is what fd means; a zero file if it is not open.
func (k *kernel) file(fd int) file {
	if i := fd - firstFD; i >= 0 && i < len(k.files) {
		return k.files[i]
	}
	return file{}
}

func (k *kernel) free(fd int) { k.files[fd-firstFD] = file{} }

// closeSocket closes a descriptor of s, and s with its last one.
func (k *kernel) closeSocket(fd int, s *socket) {
	k.free(fd)
	if s.refs--; s.refs == 0 {
		s.close()
	}
}

// openFiles counts descriptors, of listeners and connections.
func (k *kernel) openFiles() (listeners, sockets int) {
	for _, f := range k.files {
		switch {
		case f.listener != nil:
			listeners++
		case f.socket != nil:
			sockets++
		}
	}
	return listeners, sockets
}

// event is something that the kernel does later; act may be nil if it is only
// that somebody must look again.
type event struct {
	at, seq uint64
	act     func()
}

func (k *kernel) at(at int64, act func()) {
	k.eventSeq++
	e := event{uint64(at), k.eventSeq, act}
	i := len(k.events)
	for i > 0 && k.events[i-1].at > e.at {
		i--
	}
	k.events = append(k.events, event{})
	copy(k.events[i+1:], k.events[i:])
	k.events[i] = e
}

func (k *kernel) nextEvent() time.Duration {
	if len(k.events) == 0 {
		return sched.Never
	}
	return time.Duration(k.events[0].at)
}

// run is the thread of interrupts: it lets events happen when they are due.
// When it has been stopped and nothing is left to do, everything happens at
// once.
func (k *kernel) run() {
	over := func() bool { return k.stopped && len(k.events) == 0 }
	for !over() {
		next := k.nextEvent()
		k.s.WaitUntil(func() bool { return over() || k.nextEvent() < next }, next)
		for k.nextEvent() <= k.s.Now() {
			e := k.events[0]
			k.events = append(k.events[:0], k.events[1:]...)
			if e.act != nil {
				e.act()
			}
		}
	}
}

// maxTick is how long a computing thread keeps a completion back: a tick of a
// kernel with HZ=250.
const maxTick = 4 * time.Millisecond

// mayRun reports whether a completion of o may run now, while thread me is in
// the kernel. It only looks.
func (k *kernel) mayRun(o *op, me int) bool {
	if o.due > k.now() {
		return false
	}
	if o.thread == me {
		return true
	}
	if k.hard[o.thread] {
		return false
	}
	switch k.rt.Verdict(o.thread, 0) {
	case takeover.Asleep, takeover.Unknown:
		return true
	}
	return o.tick != 0 && o.tick <= k.now()
}

// tickLater sees to it that a completion which a computing thread keeps back
// comes at that thread's next tick.
func (k *kernel) tickLater(o *op) {
	if o.tick != 0 || k.hard[o.thread] {
		return
	}
	switch k.rt.Verdict(o.thread, 0) {
	case takeover.Asleep, takeover.Unknown:
		return
	}
	o.tick = max(k.now(), o.due) + 1 + k.random.Int64N(int64(maxTick))
	k.at(o.tick, nil)
}

// gone reports whether the thread has ended: the kernel then cancels what it
// submitted.
func (k *kernel) gone(thread int) bool { return k.rt.Verdict(thread, 0) == takeover.Unknown }
