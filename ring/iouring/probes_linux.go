package iouring

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// timeout: a wait ends when its time is over.
func (p *prober) timeout() error {
	const limit = 5 * time.Millisecond
	begin := time.Now()
	_, errno := p.ring.Enter(1, limit, Scheduled)
	if errno != unix.ETIME && errno != unix.EINTR {
		return fmt.Errorf("a wait of %v ended with %v", limit, errno)
	}
	if took := time.Since(begin); took > probeTimeout/2 {
		return fmt.Errorf("a wait of %v took %v", limit, took)
	}
	return nil
}

// close: a descriptor is closed.
func (p *prober) close() error {
	a, b, err := p.pair()
	if err != nil {
		return err
	}
	p.sqe().PrepClose(a)
	if _, err = p.want(p.tag); err == nil {
		p.fds = append(p.fds[:0], b)
	}
	return err
}

// cancel: by user data and by descriptor, with the completions of both.
func (p *prober) cancel() error {
	a, _, err := p.pair()
	if err != nil {
		return err
	}
	for _, byFD := range [...]bool{false, true} {
		p.sqe().PrepPollAdd(a, unix.POLLIN)
		poll := p.tag
		if err := p.submit(); err != nil {
			return err
		}
		if sqe := p.sqe(); byFD {
			sqe.PrepCancelFD(a)
		} else {
			sqe.PrepCancel(poll)
		}
		if _, err := p.want(p.tag); err != nil {
			return fmt.Errorf("cancelling: %w", err)
		}
		cqe, err := p.next(poll)
		if err != nil {
			return fmt.Errorf("the cancelled operation: %w", err)
		}
		if unix.Errno(-cqe.Res) != unix.ECANCELED {
			return fmt.Errorf("the cancelled operation ended with %d", cqe.Res)
		}
	}
	return nil
}

// pollMultishot: a poll of an eventfd shows each write.
func (p *prober) pollMultishot() error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return unknown{fmt.Errorf("eventfd: %w", err)}
	}
	p.fds = append(p.fds, fd)
	p.sqe().PrepPollMultishot(fd, unix.POLLIN)
	poll := p.tag
	if err := p.submit(); err != nil {
		return err
	}
	for range 2 {
		count := [8]byte{1}
		if _, err := unix.Write(fd, count[:]); err != nil {
			return unknown{fmt.Errorf("write to an eventfd: %w", err)}
		}
		cqe, err := p.want(poll)
		if err != nil {
			return err
		}
		if !cqe.More() {
			return errors.New("the poll ended after one event")
		}
		if _, err := unix.Read(fd, count[:]); err != nil {
			return unknown{fmt.Errorf("read of an eventfd: %w", err)}
		}
	}
	return nil
}

// acceptMultishot: one operation accepts two connections.
func (p *prober) acceptMultishot() error {
	fd, addr, err := p.listener()
	if err != nil {
		return err
	}
	p.sqe().PrepAcceptMultishot(fd, unix.SOCK_CLOEXEC)
	accept := p.tag
	if err := p.submit(); err != nil {
		return err
	}
	for range 2 {
		if _, err := p.connect(addr); err != nil {
			return err
		}
		cqe, err := p.want(accept)
		if err != nil {
			return err
		}
		p.fds = append(p.fds, int(cqe.Res))
		if !cqe.More() {
			return errors.New("it ended after one connection")
		}
	}
	return nil
}

// providedBuffers: a buffer ring can be registered and given up.
func (p *prober) providedBuffers() error {
	b, err := NewBufRing(p.ring, 4, probeGroup)
	if err != nil {
		return err
	}
	if errno := b.Close(); errno != 0 {
		return fmt.Errorf("unregistering: %w", errno)
	}
	return nil
}

// recvMultishot: one operation receives twice, each into the right buffer,
// and shows want of buffers and the end.
func (p *prober) recvMultishot() error {
	b, err := NewBufRing(p.ring, 2, probeGroup)
	if err != nil {
		return err
	}
	defer b.Close()
	to, from, err := p.pair()
	if err != nil {
		return err
	}
	const size = 64
	for id := range 2 {
		b.Provide(p.mem[id*size:(id+1)*size], uint16(id))
	}
	p.sqe().PrepRecvMultishot(to, probeGroup)
	recv := p.tag
	if err := p.submit(); err != nil {
		return err
	}
	for i := range 3 {
		if _, err := unix.Write(from, []byte{'a' + byte(i)}); err != nil {
			return unknown{fmt.Errorf("write to a socket: %w", err)}
		}
		cqe, err := p.next(recv)
		switch {
		case err != nil:
			return err
		case i == 2 && (unix.Errno(-cqe.Res) != unix.ENOBUFS || cqe.More()):
			return fmt.Errorf("without a buffer it answered %d, flags %#x", cqe.Res, cqe.Flags)
		case i < 2 && cqe.Res < 0:
			return unix.Errno(-cqe.Res)
		case i < 2 && (cqe.Res != 1 || !cqe.More() || !cqe.HasBuffer() || p.mem[int(cqe.BufferID())*size] != 'a'+byte(i)):
			return fmt.Errorf("a byte was received as %d, flags %#x", cqe.Res, cqe.Flags)
		}
	}
	return nil
}

// send: an armed send waits until the peer has taken everything.
func (p *prober) send() error {
	from, to, err := p.pair()
	if err != nil {
		return err
	}
	p.sqe().PrepSendAll(from, p.mem)
	send := p.tag
	if err := p.submit(); err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for got := 0; got < len(p.mem); {
		n, err := unix.Read(to, buf)
		if err != nil || n == 0 {
			return unknown{fmt.Errorf("read of a socket: %d, %v", n, err)}
		}
		got += n
		// The send goes on in this thread's entries into the kernel.
		if err := p.submit(); err != nil {
			return err
		}
		if cqe, ok := p.ring.PeekCQE(); ok && cqe.UserData == send && int(cqe.Res) != len(p.mem) {
			return fmt.Errorf("it ended with %d of %d bytes", cqe.Res, len(p.mem))
		}
	}
	cqe, err := p.want(send)
	if err == nil && int(cqe.Res) != len(p.mem) {
		err = fmt.Errorf("it ended with %d of %d bytes", cqe.Res, len(p.mem))
	}
	return err
}

// skippedSend: a send that tries is over when the submitting enter is; taken
// whole it shows nothing, taken in part it shows how much.
func (p *prober) skippedSend() error {
	fd, addr, err := p.listener()
	if err != nil {
		return err
	}
	to, err := p.connect(addr)
	if err != nil {
		return err
	}
	from, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
	if err != nil {
		return unknown{fmt.Errorf("accept: %w", err)}
	}
	p.fds = append(p.fds, from)
	// Small, so that the send below is short. Refused, it is short anyhow.
	_ = unix.SetsockoptInt(from, unix.SOL_SOCKET, unix.SO_SNDBUF, 16<<10)
	_ = unix.SetsockoptInt(to, unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10)
	p.sqe().PrepSendTry(from, p.mem[:100])
	if err := p.submit(); err != nil {
		return err
	}
	if cqe, shown := p.ring.PeekCQE(); shown {
		return fmt.Errorf("a whole send completed with %d", cqe.Res)
	}
	for range 16 {
		p.sqe().PrepSendTry(from, p.mem)
		if err := p.submit(); err != nil {
			return err
		}
		cqe, shown := p.ring.PeekCQE()
		switch {
		case !shown:
			continue // it was taken whole: a large buffer
		case cqe.UserData == p.tag && cqe.Res > 0 && int(cqe.Res) < len(p.mem):
			return nil
		default:
			return fmt.Errorf("a short send completed with %d", cqe.Res)
		}
	}
	return errors.New("a short send did not complete inside its enter")
}

// shutdown: the peer sees the end.
func (p *prober) shutdown() error {
	a, b, err := p.pair()
	if err != nil {
		return err
	}
	p.sqe().PrepShutdown(a, unix.SHUT_WR)
	if _, err := p.want(p.tag); err != nil {
		return err
	}
	var buf [1]byte
	if n, err := unix.Read(b, buf[:]); n != 0 || err != nil {
		return fmt.Errorf("the peer read %d, %v", n, err)
	}
	return nil
}

func (p *prober) coopTaskrun() error { return p.flag(SetupCoopTaskrun, "IORING_SETUP_COOP_TASKRUN") }

func (p *prober) noSQArray() error { return p.flag(SetupNoSQArray, "IORING_SETUP_NO_SQARRAY") }

// flag: the ladder ended on a rung with the flag.
func (p *prober) flag(flag uint32, name string) error {
	if p.ring.Params().Flags&flag == 0 {
		return fmt.Errorf("the kernel refused %s; the ring does without", name)
	}
	return nil
}

// restrictions: what a server does not need is denied, as an operation and as
// a registration. Neither does harm if it is not.
func (p *prober) restrictions() error {
	if why := p.ring.Unrestricted(); why != nil {
		return why
	}
	p.sqe().PrepRead(-1, p.mem[:1])
	cqe, err := p.next(p.tag)
	if err != nil {
		return unknown{err}
	}
	if unix.Errno(-cqe.Res) != unix.EACCES {
		return fmt.Errorf("a read, which is not allowed, answered %d", cqe.Res)
	}
	if errno := p.ring.register(registerEnableRings, nil, 0); errno != unix.EACCES {
		return fmt.Errorf("enabling, which is not allowed twice, answered %v", errno)
	}
	return nil
}

// memlock: there is room for the default rings. Only what the limit is can be
// told; how much of it the user's other processes hold, a failure tells.
func (p *prober) memlock() error {
	limit, limited := MemlockLimit()
	if !limited {
		p.remark = "no limit"
		return nil
	}
	p.remark = fmt.Sprintf("limit %d KiB", limit>>10)
	r, err := setupLadder(Config{Entries: 512, CQEntries: 8 * 512, Unrestricted: true}, ladder[:])
	switch {
	case errors.Is(err, unix.ENOMEM):
		return fmt.Errorf("the limit of %d KiB has no room for rings of the default size; smaller ones are used", limit>>10)
	case err != nil:
		return unknown{err}
	}
	r.Close()
	return nil
}
