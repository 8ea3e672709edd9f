package iouring

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Config says what ring to set up.
type Config struct {
	// Entries is the size of the submission ring, 0: 256. Rounded up to a
	// power of two; halved until the memory-lock limit allows it, not below
	// MinEntries.
	Entries uint32
	// CQEntries is the size of the completion ring, 0: 8 × Entries. Halved
	// along with Entries.
	CQEntries uint32
	// Flags replaces the ladder of set-up flags, when not zero. Setup adds
	// SetupRDisabled by itself, to restrict the ring.
	Flags uint32
	// Allow are operations to allow beyond those that a server needs.
	Allow []uint8
	// Unrestricted leaves the ring without restrictions.
	Unrestricted bool
}

const (
	defaultEntries = 256
	cqPerEntry     = 8

	// UnchargePause is about how long after a ring was closed the kernel
	// gives its memory back to the user's limit.
	UnchargePause = 10 * time.Millisecond
	// maxPauses is how often Setup waits for that before it takes less.
	maxPauses = 3
)

// ladder is tried from the top until the kernel does not answer EINVAL.
// SINGLE_ISSUER and DEFER_TASKRUN are absent: they nail a ring to a thread.
var ladder = [...]uint32{
	SetupCoopTaskrun | SetupSubmitAll | SetupCQSize | SetupClamp | SetupNoSQArray,
	SetupCoopTaskrun | SetupSubmitAll | SetupCQSize | SetupClamp,
	SetupSubmitAll | SetupCQSize | SetupClamp,
	SetupCQSize | SetupClamp,
}

var errNotLittleEndian = errors.New("iouring: only little-endian machines are supported")

// Setup makes a ring, and restricts it to what a server needs if the system
// lets it: Ring.Unrestricted tells. An error is a *ring.UnavailableError that
// says what to change.
func Setup(c Config) (*Ring, error) {
	r, err := setup(c)
	if err != nil {
		return nil, unavailable(err)
	}
	return r, nil
}

func setup(c Config) (*Ring, error) {
	if !littleEndian() {
		return nil, errNotLittleEndian
	}
	c = c.withDefaults()
	flags := ladder[:]
	if c.Flags != 0 {
		flags = []uint32{c.Flags}
	}
	var why error
	if c.Unrestricted {
		why = errNotAskedFor
	}
	for pauses := 0; ; {
		r, err := setupLadder(c, flags)
		var refused *refusedError
		switch {
		case err == nil:
			r.unrestricted = why
			return r, nil
		case errors.As(err, &refused):
			c.Unrestricted, why = true, refused
		case !errors.Is(err, unix.ENOMEM):
			return nil, err
		case pauses < maxPauses:
			pauses++
			time.Sleep(UnchargePause)
		case c.Entries <= MinEntries:
			return nil, err
		default:
			c.Entries = max(c.Entries/2, MinEntries)
			c.CQEntries = max(c.CQEntries/2, c.Entries)
		}
	}
}

func (c Config) withDefaults() Config {
	if c.Entries == 0 {
		c.Entries = defaultEntries
	}
	if c.CQEntries == 0 {
		c.CQEntries = c.Entries * cqPerEntry
	}
	c.CQEntries = max(c.CQEntries, c.Entries)
	return c
}

// setupLadder makes a ring on the first rung that holds. Every kernel that
// mapRing accepts knows SetupRDisabled: it is older than FeatExtArg.
func setupLadder(c Config, ladder []uint32) (r *Ring, err error) {
	for _, flags := range ladder {
		if !c.Unrestricted {
			flags |= SetupRDisabled
		}
		p := Params{Flags: flags, CQEntries: c.CQEntries}
		fd, errno := sysSetup(c.Entries, &p)
		if errno == 0 {
			return openRing(fd, &p, c)
		}
		err = fmt.Errorf("io_uring_setup: %w", errno)
		if errno != unix.EINVAL {
			return nil, err
		}
	}
	return nil, err
}

func sysSetup(entries uint32, p *Params) (fd int, errno unix.Errno) {
	// SAFETY: p is alive and its size is the kernel's (tested).
	n, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(p)), 0)
	return int(n), errno
}

// openRing makes what the kernel made ready for use. On failure everything is
// undone.
func openRing(fd int, p *Params, c Config) (*Ring, error) {
	r, err := mapRing(fd, p)
	if err != nil || c.Unrestricted {
		return r, err
	}
	if err := r.restrict(c.Allow); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// mapRing maps what the kernel made. On failure everything is undone.
func mapRing(fd int, p *Params) (r *Ring, err error) {
	r = &Ring{fd: fd, params: *p}
	defer func() {
		if err != nil {
			r.Close()
			r = nil
		}
	}()
	if p.Features&FeatExtArg == 0 || p.Features&FeatNoDrop == 0 {
		return r, fmt.Errorf("iouring: kernel too old, feature bits %#x: %w", p.Features, unix.EINVAL)
	}
	sqSize := int(p.SQOff.Array + p.SQEntries*4)
	if p.Flags&SetupNoSQArray != 0 {
		sqSize = 0
	}
	cqSize := int(p.CQOff.CQEs + p.CQEntries*uint32(unsafe.Sizeof(CQE{})))
	if p.Features&FeatSingleMmap == 0 {
		return r, fmt.Errorf("iouring: kernel without IORING_FEAT_SINGLE_MMAP: %w", unix.EINVAL)
	}
	if r.rings, err = mapShared(fd, offSQRing, max(sqSize, cqSize)); err != nil {
		return r, fmt.Errorf("iouring: mapping the rings: %w", err)
	}
	if r.sqeMem, err = mapShared(fd, offSQEs, int(p.SQEntries)*int(unsafe.Sizeof(SQE{}))); err != nil {
		return r, fmt.Errorf("iouring: mapping the submissions: %w", err)
	}
	if r.argMem, err = Map(int(unsafe.Sizeof(enterArg{}))); err != nil {
		return r, fmt.Errorf("iouring: mapping: %w", err)
	}
	r.attach()
	return r, nil
}

func mapShared(fd int, off int64, n int) ([]byte, error) {
	return unix.Mmap(fd, off, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
}

// attach derives the typed views of the mappings.
func (r *Ring) attach() {
	p := &r.params
	r.sqHead = word(r.rings, p.SQOff.Head)
	r.sqTail = word(r.rings, p.SQOff.Tail)
	r.sqFlags = word(r.rings, p.SQOff.Flags)
	r.sqDropped = word(r.rings, p.SQOff.Dropped)
	r.cqHead = word(r.rings, p.CQOff.Head)
	r.cqTail = word(r.rings, p.CQOff.Tail)
	r.cqOverflow = word(r.rings, p.CQOff.Overflow)
	r.sqMask = word(r.rings, p.SQOff.RingMask).Load()
	r.cqMask = word(r.rings, p.CQOff.RingMask).Load()
	// SAFETY: the kernel said that SQEntries submissions lie there; the
	// mapping is that long and page-aligned.
	r.sqes = unsafe.Slice((*SQE)(unsafe.Pointer(&r.sqeMem[0])), p.SQEntries)
	// SAFETY: likewise CQEntries completions from that offset, 64-aligned.
	r.cqes = unsafe.Slice((*CQE)(unsafe.Pointer(&r.rings[p.CQOff.CQEs])), p.CQEntries)
	// SAFETY: argMem is page-aligned and as long as an enterArg.
	r.arg = (*enterArg)(unsafe.Pointer(&r.argMem[0]))
	// SAFETY: the address of off-heap memory, which does not move.
	r.arg.events.TS = uint64(uintptr(unsafe.Pointer(&r.arg.ts)))
	if p.Flags&SetupNoSQArray == 0 {
		// SAFETY: the index array lies there, SQEntries words long.
		array := unsafe.Slice((*uint32)(unsafe.Pointer(&r.rings[p.SQOff.Array])), p.SQEntries)
		for i := range array {
			array[i] = uint32(i)
		}
	}
	r.tail = r.sqTail.Load()
	r.head = r.cqHead.Load()
}
