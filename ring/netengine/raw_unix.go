//go:build unix

package netengine

import (
	"errors"
	"io"
	"syscall"
)

// setRaw lets c read and write without waiting.
func (c *conn) setRaw(s syscall.Conn) {
	raw, err := s.SyscallConn()
	if err != nil {
		return // it is closed; reading it says so
	}
	c.raw = raw
	c.onRead, c.onWrite = c.readReady, c.writeReady
}

// read waits for bytes, and only then takes a buffer.
func (c *conn) read() {
	if c.raw == nil {
		c.readPlain()
		return
	}
	if err := c.raw.Read(c.onRead); err != nil && c.got == nil {
		c.gotErr = err
	}
}

// readReady reads once, and reports whether there was something to be read.
func (c *conn) readReady(fd uintptr) bool {
	b := c.l.e.pools.get(c.readSize())
	for {
		n, err := syscall.Read(int(fd), b.data)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			c.l.e.pools.put(b)
			return false
		case err != nil:
			n = 0
		case n == 0:
			err = io.EOF
		}
		c.got, c.gotLen, c.gotErr = b, n, err
		return true
	}
}

// await waits for an error on a connection that is not to be read, or for
// wakeReader.
func (c *conn) await() {
	if c.raw == nil {
		c.gate.Wait()
		return
	}
	err := c.raw.Read(func(fd uintptr) bool {
		n, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ERROR)
		if err == nil && n == 0 {
			return false
		}
		if c.gotErr = err; err == nil {
			c.gotErr = syscall.Errno(n)
		}
		return true
	})
	if err != nil && c.gotErr == nil {
		c.gotErr = err
	}
}

// tryWrite writes what the kernel takes at once, from outPos on.
func (c *conn) tryWrite() error {
	c.sendErr = nil
	if err := c.raw.Write(c.onWrite); err != nil {
		return err
	}
	return c.sendErr
}

// writeReady writes and never asks to be called again.
func (c *conn) writeReady(fd uintptr) bool {
	for c.outPos < c.outLen {
		n, err := syscall.Write(int(fd), c.out.data[c.outPos:c.outLen])
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return true
		case err != nil:
			c.sendErr = err
			return true
		default:
			c.outPos += n
		}
	}
	return true
}

// isReset reports whether err says that the peer has reset the connection.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func isInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
