package uring

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/iouring"
	"github.com/uringserve/uringserve/ring/proactor"
	"github.com/uringserve/uringserve/ring/system"
)

// Port is one loop's io_uring. See proactor.Port for what its methods promise;
// all but Wake are the loop's.
type Port struct {
	ring *iouring.Ring
	bufs *iouring.BufRing

	// late are system calls to make once everything queued before them has
	// been submitted, in order.
	late []lateOp
	// local are completions that did not come from the ring.
	local []proactor.Completion
	// held: the kernel did not take all that the last Enter submitted.
	held bool

	// hangups are the polls in flight, by their user data.
	hangups map[proactor.UserData]hangup
	// pollWork are polls to be armed anew or cancelled at the next Enter.
	pollWork []proactor.UserData

	// showsSends: successful skipped sends complete, too, and are hidden.
	showsSends bool
	sends      []skippedSend

	wake      system.Wake
	wakeArmed bool
	wakeUD    proactor.UserData // of the newest arm

	// Memory, off-heap.
	mem     []byte // of buffers
	buffers system.Buffers
	arena   []byte
	rest    *system.Rest

	// Immutable.
	start     time.Time
	lateLimit int
}

var _ proactor.Port = (*Port)(nil)

// bufferGroup is the id of the one group of provided buffers of a ring.
const bufferGroup = 1

type lateOp struct {
	fd   int
	call lateCall
	ud   proactor.UserData
}

type lateCall uint8

const (
	lateFin      lateCall = iota // shutdown of sending
	lateShutdown                 // of both directions
	lateClose
)

type skippedSend struct {
	ud proactor.UserData
	n  int32
}

// portConfig is what all loops of an engine share.
type portConfig struct {
	Options
	start      time.Time // Instants count from it
	showsSends bool      // the probe found that skipped sends cannot be trusted
}

// newPort makes a port. An error is a *ring.UnavailableError if the system
// denies what it needs.
func newPort(c portConfig) (p *Port, err error) {
	p = &Port{
		hangups:    make(map[proactor.UserData]hangup),
		showsSends: c.showsSends,
		start:      c.start,
	}
	defer func() {
		if err != nil {
			p.Dispose()
			p = nil
		}
	}()
	if err = p.openRing(c); err != nil {
		return p, err
	}
	p.lateLimit = int(p.ring.Params().SQEntries)
	p.late = make([]lateOp, 0, p.lateLimit)
	if p.mem, err = system.Map((c.Provided + c.Reserve) * c.BufferSize); err != nil {
		return p, fmt.Errorf("uring: mapping receive buffers: %w", err)
	}
	p.buffers = system.NewBuffers(p.mem, c.BufferSize, c.Provided)
	if p.arena, err = system.Map(c.ArenaBytes); err != nil {
		return p, fmt.Errorf("uring: mapping the send arena: %w", err)
	}
	if p.rest, err = system.NewRest(c.RestBytes); err != nil {
		return p, fmt.Errorf("uring: %w", err)
	}
	if err = p.wake.Open(); err != nil {
		return p, fmt.Errorf("uring: %w", err)
	}
	return p, nil
}

// openRing makes the ring and its ring of buffers, smaller ones if there is
// not enough lockable memory for both.
func (p *Port) openRing(c portConfig) (err error) {
	config := iouring.Config{Entries: uint32(c.Entries), CQEntries: uint32(c.CQEntries)}
	buffers := 1 << bits.Len(uint(c.Provided-1))
	for {
		if p.ring, err = iouring.Setup(config); err != nil {
			return err
		}
		p.bufs, err = iouring.NewBufRing(p.ring, buffers, bufferGroup)
		made := p.ring.Params()
		if !errors.Is(err, unix.ENOMEM) || made.SQEntries <= iouring.MinEntries {
			return err
		}
		p.ring.Close()
		p.ring = nil
		time.Sleep(iouring.UnchargePause)
		config = iouring.Config{Entries: made.SQEntries / 2, CQEntries: made.CQEntries / 2}
	}
}

// sqe is the next submission. Running out is the loop's fault: it asks Space.
func (p *Port) sqe(ud proactor.UserData) *iouring.SQE {
	sqe := p.ring.GetSQE()
	if sqe == nil {
		panic("BUG: uring: more operations queued than Space")
	}
	sqe.UserData = uint64(ud)
	return sqe
}

// Accept implements proactor.Port.
func (p *Port) Accept(listener int, ud proactor.UserData) {
	p.sqe(ud).PrepAcceptMultishot(listener, unix.SOCK_CLOEXEC)
}

// Recv implements proactor.Port.
func (p *Port) Recv(fd int, ud proactor.UserData) {
	p.sqe(ud).PrepRecvMultishot(fd, bufferGroup)
}

// Send implements proactor.Port.
func (p *Port) Send(fd int, b []byte, ud proactor.UserData, skip bool) {
	sqe := p.sqe(ud)
	if !skip {
		sqe.PrepSendAll(fd, b)
		return
	}
	sqe.PrepSendTry(fd, b)
	if p.showsSends {
		sqe.Flags = 0
		p.sends = append(p.sends, skippedSend{ud, int32(len(b))})
	}
}

// Cancel implements proactor.Port.
func (p *Port) Cancel(target, ud proactor.UserData) {
	sqe := p.sqe(ud)
	sqe.PrepCancel(uint64(target))
	sqe.Flags = iouring.SQECQESkipSuccess
}

// Shutdown implements proactor.Port.
func (p *Port) Shutdown(fd int, both bool, ud proactor.UserData) {
	call := lateFin
	if both {
		call = lateShutdown
	}
	p.addLate(lateOp{fd, call, ud})
}

// Close implements proactor.Port.
func (p *Port) Close(fd int, ud proactor.UserData) {
	if len(p.late) > 0 {
		p.addLate(lateOp{fd, lateClose, ud})
		return
	}
	sqe := p.sqe(ud)
	sqe.PrepClose(fd)
	sqe.Flags = iouring.SQECQESkipSuccess
}

// Leave implements proactor.Port: a socket that nothing is in flight of is not
// heard of.
func (p *Port) Leave(fd int, ud proactor.UserData) { p.Close(fd, ud) }

func (p *Port) addLate(op lateOp) {
	if len(p.late) == p.lateLimit {
		panic("BUG: uring: more operations queued than Space")
	}
	p.late = append(p.late, op)
}

// runLate makes the late system calls. None of them waits.
func (p *Port) runLate() {
	for _, op := range p.late {
		var errno proactor.Errno
		if op.call == lateClose {
			errno = system.Close(op.fd)
		} else {
			errno = system.Shutdown(op.fd, op.call == lateShutdown)
		}
		if errno != 0 {
			p.local = append(p.local, proactor.Completion{UserData: op.ud, Res: -int32(errno)})
		}
	}
	p.late = p.late[:0]
}

// Space implements proactor.Port.
func (p *Port) Space() int {
	return min(p.ring.Space(), p.lateLimit-len(p.late))
}

// ResetOnClose implements proactor.Port.
func (p *Port) ResetOnClose(fd int) { system.ResetOnClose(fd) }

// SendNow implements proactor.Port. b may be on the Go heap.
func (p *Port) SendNow(fd int, b []byte) (int, proactor.Errno) { return system.Send(fd, b) }

// ArmWake implements proactor.Port.
func (p *Port) ArmWake(ud proactor.UserData) {
	p.sqe(ud).PrepPollMultishot(p.wake.FD(), unix.POLLIN)
	p.wakeArmed, p.wakeUD = true, ud
}

// Wake implements proactor.Port.
func (p *Port) Wake() { p.wake.Signal() }

// Buffer implements proactor.Port.
func (p *Port) Buffer(id uint32) []byte { return p.buffers.At(id) }

// Provide implements proactor.Port.
func (p *Port) Provide(id uint32) { p.bufs.Provide(p.buffers.Give(id), uint16(id)) }

// Buffers implements proactor.Port.
func (p *Port) Buffers() int { return p.buffers.Len() }

// Provided implements proactor.Port.
func (p *Port) Provided() int { return p.buffers.Limit() }

// SendArena implements proactor.Port.
func (p *Port) SendArena() []byte { return p.arena }

// Allocate implements proactor.Port.
func (p *Port) Allocate(n int) []byte { return p.rest.Allocate(n) }

// Free implements proactor.Port.
func (p *Port) Free(b []byte) { p.rest.Free(b) }

// ThreadBound implements proactor.Port: completions of an operation run on the
// thread that submitted it.
func (p *Port) ThreadBound() bool { return true }

// Now implements proactor.Port. It is never zero, which means "none".
func (p *Port) Now() ring.Instant { return ring.Instant(time.Since(p.start) + 1) }

// Wall implements proactor.Port.
func (p *Port) Wall() time.Time { return time.Now() }

// Dispose implements proactor.Port.
func (p *Port) Dispose() {
	p.wake.Close()
	if p.ring != nil {
		// Only polls may be in flight, and they touch no memory; should
		// anything else be, it must not outlive its buffers.
		p.ring.CancelEverything(disposeTimeout)
	}
	if p.bufs != nil {
		p.bufs.Close()
		p.bufs = nil
	}
	if p.ring != nil {
		p.ring.Close()
		p.ring = nil
	}
	for _, m := range [...][]byte{p.mem, p.arena} {
		system.Unmap(m)
	}
	p.mem, p.arena = nil, nil
	if p.rest != nil {
		p.rest.Dispose()
		p.rest = nil
	}
}

const disposeTimeout = time.Second
