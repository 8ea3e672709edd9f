package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// A floor is the server of wsFloor: what comes of the profile's messages is sent
// back, unmasked, with one receive and one send each time a connection has
// something, on one thread, by epoll. It looks at nothing else, so that next to
// nothing but the kernel's part is left of its time. Not a server to be used.
type floor struct {
	poll     int
	listener int
	message  int // length of one, as it comes
	conns    map[int]*floorConn
	in, out  []byte
}

type floorConn struct {
	upgraded bool
	rest     []byte // the beginning of a message
}

// serveFloor serves until it fails.
func serveFloor(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	defer ln.Close()
	file, err := ln.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	defer file.Close()
	runtime.LockOSThread()
	out, _ := wsMessage()
	f := &floor{listener: int(file.Fd()), message: len(out), conns: map[int]*floorConn{}, in: make([]byte, 64<<10)}
	if err := unix.SetNonblock(f.listener, true); err != nil {
		return err
	}
	if f.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if err := f.watch(f.listener); err != nil {
		return err
	}
	return f.run()
}

func (f *floor) watch(fd int) error {
	return unix.EpollCtl(f.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

func (f *floor) run() error {
	events := make([]unix.EpollEvent, 512)
	for {
		n, err := unix.EpollWait(f.poll, events, -1)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range events[:n] {
			if fd := int(e.Fd); fd == f.listener {
				err = f.accept()
			} else if f.serve(fd, f.conns[fd]) != nil {
				delete(f.conns, fd)
				err = unix.Close(fd)
			}
			if err != nil {
				return err
			}
		}
	}
}

func (f *floor) accept() error {
	fd, _, err := unix.Accept4(f.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return nil // it has gone
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	f.conns[fd] = &floorConn{}
	return f.watch(fd)
}

// serve answers what has come. An error ends the connection.
func (f *floor) serve(fd int, c *floorConn) error {
	n, err := unix.Read(fd, f.in)
	if err != nil || n == 0 {
		return fmt.Errorf("over: %w", err)
	}
	in := f.in[:n]
	if !c.upgraded {
		return f.answer(fd, c, in)
	}
	if len(c.rest) > 0 {
		in = append(c.rest, in...)
	}
	f.out = f.out[:0]
	for ; len(in) >= f.message; in = in[f.message:] {
		f.echo(in[:f.message])
	}
	c.rest = append(c.rest[:0], in...)
	return f.send(fd)
}

// answer answers a request: for a WebSocket, or to see whether anybody is here.
func (f *floor) answer(fd int, c *floorConn, head []byte) error {
	if c.upgraded = bytes.HasPrefix(head, []byte("GET "+wsPath+" ")); c.upgraded {
		f.out = append(f.out[:0], "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"...)
	} else {
		f.out = fmt.Appendf(f.out[:0], "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", wantType, len(wantBody), wantBody)
	}
	return f.send(fd)
}

// echo appends a message of the profile: two octets, the length in two more, the
// key in four, the payload.
func (f *floor) echo(m []byte) {
	key := uint64(binary.LittleEndian.Uint32(m[4:]))
	key |= key << 32
	f.out = append(append(f.out, m[0], m[1]&0x7f), m[2:4]...)
	for p := m[8:]; len(p) > 0; p = p[8:] { // wsPayload is a multiple
		f.out = binary.LittleEndian.AppendUint64(f.out, binary.LittleEndian.Uint64(p)^key)
	}
}

func (f *floor) send(fd int) error {
	if len(f.out) == 0 {
		return nil
	}
	if n, err := unix.Write(fd, f.out); err != nil || n < len(f.out) {
		return fmt.Errorf("%d of %d bytes: %w", n, len(f.out), err)
	}
	return nil
}
