package epoll

import (
	"fmt"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/proactor"
	"github.com/uringserve/uringserve/ring/system"
)

// Port is one loop's readiness. See proactor.Port for what its methods promise;
// all but Wake are the loop's.
//
// Operations name sockets by descriptor and by UserData: those of one
// connection bear the same slot and generation, until it is closed.
type Port struct {
	calls Calls

	queue []operation // not submitted yet, in order

	// local are completions that are there already, from localAt on.
	local   []proactor.Completion
	localAt int

	table     table
	listeners []listener
	sends     []waitingSend // those that wait for room, by descriptor.send-1
	freeSends []int32       // of sends

	// ready are the slots of connections to receive from, from readyAt on;
	// the first round of them once before the next Enter.
	ready   []uint32
	readyAt int
	round   int

	// passed: the last Enter did not look for events.
	passed bool
	events [eventBatch]Event

	wakeArmed bool
	wakeUD    proactor.UserData

	buffers  system.Buffers
	provided []uint32 // ids, the last one given first: its memory is warm
	arena    []byte
}

var _ proactor.Port = (*Port)(nil)

// eventBatch is how many events an Enter takes. What is left is told first the
// next time: the kernel's list goes round.
const eventBatch = 256

// operation is one that is queued.
type operation struct {
	kind opKind
	fd   int
	b    []byte
	ud   proactor.UserData
	of   proactor.UserData // cancel: the target
}

type opKind uint8

const (
	opAccept opKind = iota
	opRecv
	opTry  // a send that does not wait
	opSend // one that may
	opHangup
	opCancel
	opFin      // shutdown of sending
	opShutdown // of both directions
	opClose
	opLeave // close of a socket that lives on
)

// NewPort makes a Port over calls, which it owns from then on, also when it
// fails. Of o, it looks at the queue, the buffers and the arena.
func NewPort(calls Calls, o Options) (*Port, error) {
	o = o.withDefaults()
	mem, err := calls.Map((o.Provided + o.Reserve) * o.BufferSize)
	if err != nil {
		calls.Dispose()
		return nil, fmt.Errorf("epoll: mapping receive buffers: %w", err)
	}
	arena, err := calls.Map(o.ArenaBytes)
	if err != nil {
		calls.Dispose()
		return nil, fmt.Errorf("epoll: mapping the send arena: %w", err)
	}
	return &Port{
		calls:    calls,
		queue:    make([]operation, 0, o.Queue),
		buffers:  system.NewBuffers(mem, o.BufferSize, o.Provided),
		provided: make([]uint32, 0, o.Provided),
		arena:    arena,
	}, nil
}

// enqueue queues an operation. Running out is the loop's fault: it asks Space.
func (p *Port) enqueue(op operation) {
	if len(p.queue) == cap(p.queue) {
		panic("BUG: epoll: more operations queued than Space")
	}
	p.queue = append(p.queue, op)
}

// Accept implements proactor.Port.
func (p *Port) Accept(listener int, ud proactor.UserData) {
	p.enqueue(operation{kind: opAccept, fd: listener, ud: ud})
}

// Recv implements proactor.Port.
func (p *Port) Recv(fd int, ud proactor.UserData) {
	p.enqueue(operation{kind: opRecv, fd: fd, ud: ud})
}

// Send implements proactor.Port.
func (p *Port) Send(fd int, b []byte, ud proactor.UserData, skip bool) {
	kind := opSend
	if skip {
		kind = opTry
	}
	p.enqueue(operation{kind: kind, fd: fd, b: b, ud: ud})
}

// PollHangup implements proactor.Port.
func (p *Port) PollHangup(fd int, ud proactor.UserData) {
	p.enqueue(operation{kind: opHangup, fd: fd, ud: ud})
}

// Cancel implements proactor.Port.
func (p *Port) Cancel(target, ud proactor.UserData) {
	p.enqueue(operation{kind: opCancel, of: target, ud: ud})
}

// Shutdown implements proactor.Port.
func (p *Port) Shutdown(fd int, both bool, ud proactor.UserData) {
	kind := opFin
	if both {
		kind = opShutdown
	}
	p.enqueue(operation{kind: kind, fd: fd, ud: ud})
}

// Close implements proactor.Port.
func (p *Port) Close(fd int, ud proactor.UserData) {
	p.enqueue(operation{kind: opClose, fd: fd, ud: ud})
}

// Leave implements proactor.Port.
func (p *Port) Leave(fd int, ud proactor.UserData) {
	p.enqueue(operation{kind: opLeave, fd: fd, ud: ud})
}

// Space implements proactor.Port.
func (p *Port) Space() int { return cap(p.queue) - len(p.queue) }

// Overflowed implements proactor.Port: an Enter does all that was queued, and
// Reap has room for all completions.
func (p *Port) Overflowed() bool { return false }

// SendNow implements proactor.Port.
func (p *Port) SendNow(fd int, b []byte) (int, proactor.Errno) { return p.trySend(fd, b) }

// ResetOnClose implements proactor.Port.
func (p *Port) ResetOnClose(fd int) { p.calls.ResetOnClose(fd) }

// Buffer implements proactor.Port.
func (p *Port) Buffer(id uint32) []byte { return p.buffers.At(id) }

// Provide implements proactor.Port.
func (p *Port) Provide(id uint32) {
	p.buffers.Give(id)
	p.provided = append(p.provided, id)
}

// Buffers implements proactor.Port.
func (p *Port) Buffers() int { return p.buffers.Len() }

// Provided implements proactor.Port.
func (p *Port) Provided() int { return p.buffers.Limit() }

// SendArena implements proactor.Port.
func (p *Port) SendArena() []byte { return p.arena }

// Allocate implements proactor.Port.
func (p *Port) Allocate(n int) []byte { return p.calls.Allocate(n) }

// Free implements proactor.Port.
func (p *Port) Free(b []byte) { p.calls.Free(b) }

// ArmWake implements proactor.Port.
func (p *Port) ArmWake(ud proactor.UserData) { p.wakeArmed, p.wakeUD = true, ud }

// Wake implements proactor.Port.
func (p *Port) Wake() { p.calls.Wake() }

// ThreadBound implements proactor.Port: readiness belongs to the descriptor,
// whichever thread asks.
func (p *Port) ThreadBound() bool { return false }

// Now implements proactor.Port.
func (p *Port) Now() ring.Instant { return p.calls.Now() }

// Wall implements proactor.Port.
func (p *Port) Wall() time.Time { return p.calls.Wall() }

// Dispose implements proactor.Port.
func (p *Port) Dispose() {
	p.calls.Dispose()
	p.queue, p.provided, p.arena, p.table = nil, nil, nil, nil
	p.buffers = system.Buffers{}
}
