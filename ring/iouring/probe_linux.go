package iouring

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Names of the features that others ask for.
const (
	FeatureSetup     = "setup"
	FeatureSkipSends = "send_skip_success"

	// FeatureRestrictions: a ring can be kept from all but what a server needs.
	FeatureRestrictions = "restrictions"
)

// probes are tried in this order. Each leaves nothing in flight.
var probes = [...]struct {
	name     string
	required bool
	try      func(*prober) error
}{
	{"ext_arg_timeout", true, (*prober).timeout},
	{"close", true, (*prober).close},
	{"cancel", true, (*prober).cancel},
	{"poll_multishot", true, (*prober).pollMultishot},
	{"accept_multishot", true, (*prober).acceptMultishot},
	{"provided_buffers", true, (*prober).providedBuffers},
	{"recv_multishot", true, (*prober).recvMultishot},
	{"send", true, (*prober).send},
	{FeatureSkipSends, false, (*prober).skippedSend},
	{"shutdown", false, (*prober).shutdown},
	{"coop_taskrun", false, (*prober).coopTaskrun},
	{"no_sqarray", false, (*prober).noSQArray},
	{FeatureRestrictions, false, (*prober).restrictions},
	{"memlock", false, (*prober).memlock},
}

// Probe tries each behaviour on a small ring and real sockets, in some
// milliseconds. The error is nil if a ring could be set up, else a
// *ring.UnavailableError; the features are listed either way. Safe for
// concurrent use.
func Probe() ([]Feature, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p, err := newProber()
	features := []Feature{{Name: FeatureSetup, State: Works, Required: true}}
	if err != nil {
		features[0].State, features[0].Reason = Unsupported, err.Error()
		for _, t := range probes {
			features = append(features, Feature{t.name, Inconclusive, "no ring can be set up", t.required})
		}
		return features, err
	}
	defer p.dispose()
	features[0].Reason = fmt.Sprintf("set-up flags %#x", p.ring.Params().Flags)
	for _, t := range probes {
		features = append(features, p.run(t.name, t.required, t.try))
	}
	return features, nil
}

// prober is a ring to try things on.
type prober struct {
	ring   *Ring
	mem    []byte // off-heap, for sends and receives
	tag    uint64 // user data of the newest operation
	remark string // what to say about a feature that works
	fds    []int  // of the running probe
}

const (
	probeMemory  = 1 << 20
	probeTimeout = time.Second
	probeGroup   = 7
)

// unknown is a failure of the probe, not of what it tries.
type unknown struct{ error }

func (u unknown) Unwrap() error { return u.error }

func newProber() (*prober, error) {
	// The engine shuts sockets down by system call, so that its own ring need
	// not be able to.
	r, err := Setup(Config{Entries: 16, CQEntries: 64, Allow: []uint8{OpShutdown}})
	if err != nil {
		return nil, err
	}
	// A filter may allow one call and deny another.
	if _, errno := r.Enter(0, 0, Scheduled); errno != 0 && errno != unix.EINTR {
		r.Close()
		return nil, unavailable(fmt.Errorf("io_uring_enter: %w", errno))
	}
	mem, err := Map(probeMemory)
	if err != nil {
		r.Close()
		return nil, unavailable(fmt.Errorf("mapping memory: %w", err))
	}
	return &prober{ring: r, mem: mem}, nil
}

func (p *prober) dispose() {
	// Nothing should be in flight; what is must not outlive its memory.
	p.ring.CancelEverything(probeTimeout)
	p.ring.Close()
	Unmap(p.mem)
}

func (p *prober) run(name string, required bool, try func(*prober) error) Feature {
	f := Feature{Name: name, State: Works, Required: required}
	p.remark = ""
	err := try(p)
	p.cleanUp()
	var u unknown
	switch {
	case err == nil:
		f.Reason = p.remark
	case errors.As(err, &u):
		f.State, f.Reason = Inconclusive, err.Error()
	default:
		f.State, f.Reason = Unsupported, err.Error()
	}
	return f
}

// cleanUp ends what the probe left: operations first, then descriptors.
func (p *prober) cleanUp() {
	for _, fd := range p.fds {
		if sqe := p.ring.GetSQE(); sqe != nil {
			sqe.PrepCancelFD(fd)
		}
	}
	for range 3 {
		// Failures show as completions that nobody looks at.
		p.ring.Enter(0, 0, Scheduled)
		p.ring.AdvanceCQ(p.ring.Ready())
	}
	for _, fd := range p.fds {
		_ = unix.Close(fd)
	}
	p.fds = p.fds[:0]
}

// sqe is the next submission, tagged anew.
func (p *prober) sqe() *SQE {
	sqe := p.ring.GetSQE()
	if sqe == nil {
		panic("BUG: iouring: a probe queued too much")
	}
	p.tag++
	sqe.UserData = p.tag
	return sqe
}

// next waits for a completion of tag, up to the time limit.
func (p *prober) next(tag uint64) (CQE, error) {
	deadline := time.Now().Add(probeTimeout)
	for {
		for p.ring.Ready() > 0 {
			cqe := p.ring.CQEAt(0)
			p.ring.AdvanceCQ(1)
			if cqe.UserData == tag {
				return cqe, nil
			}
		}
		left := time.Until(deadline)
		if left <= 0 {
			return CQE{}, errors.New("no completion came")
		}
		_, errno := p.ring.Enter(1, left, Scheduled)
		switch errno {
		case 0, unix.ETIME, unix.EINTR, unix.EAGAIN, unix.EBUSY:
		default:
			return CQE{}, fmt.Errorf("io_uring_enter: %w", errno)
		}
	}
}

// want waits for a completion of tag that is no failure.
func (p *prober) want(tag uint64) (CQE, error) {
	cqe, err := p.next(tag)
	if err == nil && cqe.Res < 0 {
		err = unix.Errno(-cqe.Res)
	}
	return cqe, err
}

// submit enters without waiting.
func (p *prober) submit() error {
	_, errno := p.ring.Enter(0, 0, Scheduled)
	if errno != 0 {
		return fmt.Errorf("io_uring_enter: %w", errno)
	}
	return nil
}

func (p *prober) pair() (a, b int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, unknown{fmt.Errorf("socketpair: %w", err)}
	}
	p.fds = append(p.fds, fds[:]...)
	limit := unix.NsecToTimeval(int64(probeTimeout))
	for _, fd := range fds {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
			return 0, 0, unknown{fmt.Errorf("setsockopt: %w", err)}
		}
	}
	return fds[0], fds[1], nil
}

// listener is a TCP socket that listens on the loopback.
func (p *prober) listener() (fd int, addr unix.Sockaddr, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, nil, unknown{fmt.Errorf("socket: %w", err)}
	}
	p.fds = append(p.fds, fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, nil, unknown{fmt.Errorf("bind to the loopback: %w", err)}
	}
	if err := unix.Listen(fd, 8); err != nil {
		return 0, nil, unknown{fmt.Errorf("listen: %w", err)}
	}
	addr, err = unix.Getsockname(fd)
	if err != nil {
		return 0, nil, unknown{fmt.Errorf("getsockname: %w", err)}
	}
	return fd, addr, nil
}

func (p *prober) connect(addr unix.Sockaddr) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, unknown{fmt.Errorf("socket: %w", err)}
	}
	p.fds = append(p.fds, fd)
	if err := unix.Connect(fd, addr); err != nil {
		return 0, unknown{fmt.Errorf("connect on the loopback: %w", err)}
	}
	return fd, nil
}
