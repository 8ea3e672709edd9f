package uringserve

import (
	"errors"
	"syscall"
)

// wsaeAddrInUse is what Windows calls EADDRINUSE.
const wsaeAddrInUse syscall.Errno = 10048

// isInUse reports whether err says that an address is taken.
func isInUse(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaeAddrInUse)
}
