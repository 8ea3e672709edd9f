//go:build !unix

package netengine

import (
	"errors"
	"syscall"
)

func (c *conn) setRaw(syscall.Conn) {}

func (c *conn) read() { c.readPlain() }

func (c *conn) await() { c.gate.Wait() }

func (c *conn) tryWrite() error { panic("BUG: tryWrite without raw access") }

// wsaeConnReset and wsaeConnAborted are what Windows calls a reset.
const (
	wsaeConnAborted syscall.Errno = 10053
	wsaeConnReset   syscall.Errno = 10054
)

// isReset reports whether err says that the peer has reset the connection.
func isReset(err error) bool {
	return errors.Is(err, wsaeConnReset) || errors.Is(err, wsaeConnAborted)
}

// Windows' words for an address in use and a refused connection.
const (
	wsaeAddrInUse   syscall.Errno = 10048
	wsaeConnRefused syscall.Errno = 10061
)

func isInUse(err error) bool { return errors.Is(err, wsaeAddrInUse) }

func isRefused(err error) bool { return errors.Is(err, wsaeConnRefused) }
