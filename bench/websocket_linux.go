package main

import (
	"fmt"
	"net"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// wsLoader is a load on one thread, by epoll, as wrk is: so light that it is the
// server that is measured.
type wsLoader struct {
	poll  int
	conns map[int]*wsLoaded // by descriptor
	out   []byte
	want  []byte
	in    []byte
	took  []time.Duration
}

// wsLoaded is a connection that waits for an echo.
type wsLoaded struct {
	c    net.Conn
	sent time.Time
	got  int // bytes of it
}

// websockets echoes messages over so many connections for d.
func websockets(addr string, connections int, d time.Duration) (res wsResult) {
	runtime.LockOSThread()
	l := &wsLoader{conns: map[int]*wsLoaded{}, in: make([]byte, 4096), took: make([]time.Duration, 0, 1<<20)}
	l.out, l.want = wsMessage()
	err := l.open(addr, connections)
	began := time.Now()
	if err == nil {
		err = l.run(began.Add(d))
	}
	res.Seconds = time.Since(began).Seconds()
	for _, c := range l.conns {
		c.c.Close()
	}
	if err != nil {
		res.Failed, res.FirstError = 1, err.Error()
	}
	res.Messages = int64(len(l.took))
	slices.Sort(l.took)
	if n := len(l.took); n > 0 {
		res.P50, res.P99 = float64(l.took[n/2])/1e6, float64(l.took[n*99/100])/1e6
	}
	return res
}

// open opens the connections.
func (l *wsLoader) open(addr string, connections int) (err error) {
	if l.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	for range connections {
		c, err := openWebSocket(addr)
		if err != nil {
			return err
		}
		raw, err := c.(*net.TCPConn).SyscallConn()
		if err != nil {
			return err
		}
		var fd int
		if err := raw.Control(func(d uintptr) { fd = int(d) }); err != nil {
			return err
		}
		l.conns[fd] = &wsLoaded{c: c}
		if err := unix.EpollCtl(l.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return err
		}
	}
	return nil
}

// run has each connection send, and send again when answered, until end.
func (l *wsLoader) run(end time.Time) error {
	for fd, c := range l.conns {
		if err := l.send(fd, c, time.Now()); err != nil {
			return err
		}
	}
	events := make([]unix.EpollEvent, 256)
	for now := time.Now(); now.Before(end); now = time.Now() {
		n, err := unix.EpollWait(l.poll, events, 100)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range events[:n] {
			if err := l.receive(int(e.Fd), l.conns[int(e.Fd)]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *wsLoader) send(fd int, c *wsLoaded, now time.Time) error {
	c.sent, c.got = now, 0
	if n, err := unix.Write(fd, l.out); err != nil || n < len(l.out) {
		return fmt.Errorf("%d bytes were sent: %w", n, err)
	}
	return nil
}

// receive takes what came, and sends the next message if that was all.
func (l *wsLoader) receive(fd int, c *wsLoaded) error {
	n, err := unix.Read(fd, l.in)
	if err != nil || n == 0 {
		return fmt.Errorf("the server has left: %w", err)
	}
	if c.got+n > len(l.want) || string(l.in[:n]) != string(l.want[c.got:c.got+n]) {
		return fmt.Errorf("got %.40q", l.in[:n])
	}
	if c.got += n; c.got < len(l.want) {
		return nil
	}
	now := time.Now()
	l.took = append(l.took, now.Sub(c.sent))
	return l.send(fd, c, now)
}
