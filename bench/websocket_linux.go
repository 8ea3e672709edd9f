package main

import (
	"bytes"
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
	out   []byte            // as many messages as are under way
	sends int               // length of one
	want  []byte
	in    []byte
	took  []time.Duration
}

// wsLoaded is a connection that waits for echoes.
type wsLoaded struct {
	c    net.Conn
	sent []time.Time // of those under way, in order
	got  int         // bytes of the next
}

// websockets echoes messages over so many connections for d, with so many of them
// under way on each.
func websockets(addr string, connections, underWay int, d time.Duration) (res wsResult) {
	runtime.LockOSThread()
	l := &wsLoader{conns: map[int]*wsLoaded{}, took: make([]time.Duration, 0, 1<<20)}
	l.out, l.want = wsMessage()
	l.sends = len(l.out)
	l.out = bytes.Repeat(l.out, underWay)
	l.in = make([]byte, max(4096, underWay*len(l.want)))
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
		if err := l.send(fd, c, len(l.out)/l.sends, time.Now()); err != nil {
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

// send sends n messages.
func (l *wsLoader) send(fd int, c *wsLoaded, n int, now time.Time) error {
	out := l.out[:n*l.sends]
	for range n {
		c.sent = append(c.sent, now)
	}
	if n, err := unix.Write(fd, out); err != nil || n < len(out) {
		return fmt.Errorf("%d bytes were sent: %w", n, err)
	}
	return nil
}

// receive takes what came, and sends as many messages as have come back.
func (l *wsLoader) receive(fd int, c *wsLoaded) error {
	n, err := unix.Read(fd, l.in)
	if err != nil || n == 0 {
		return fmt.Errorf("the server has left: %w", err)
	}
	back := 0
	now := time.Now()
	for in := l.in[:n]; len(in) > 0; {
		part := in[:min(len(in), len(l.want)-c.got)]
		if back == len(c.sent) || string(part) != string(l.want[c.got:c.got+len(part)]) {
			return fmt.Errorf("got %.40q", in)
		}
		in = in[len(part):]
		if c.got += len(part); c.got == len(l.want) {
			l.took = append(l.took, now.Sub(c.sent[back]))
			c.got = 0
			back++
		}
	}
	c.sent = c.sent[:copy(c.sent, c.sent[back:])]
	if back == 0 {
		return nil
	}
	return l.send(fd, c, back, now)
}
