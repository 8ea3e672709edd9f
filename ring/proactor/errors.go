package proactor

import (
	"fmt"

	"github.com/uringserve/uringserve/ring"
)

// Error makes an Errno an error, for ConnHandler.Broken.
func (e Errno) Error() string {
	if name := errnoNames[e]; name != "" {
		return "ring: " + name
	}
	return fmt.Sprintf("ring: errno %d", int32(e))
}

var errnoNames = map[Errno]string{
	EIO:        "input/output error",
	EBADF:      "bad file descriptor",
	ENOMEM:     "out of memory for sending",
	EPIPE:      "broken pipe",
	ECONNABORT: "connection aborted",
	ENOTCONN:   "not connected",
	ETIMEDOUT:  "connection timed out",
}

// brokenError is what Broken is told of e.
func brokenError(e Errno) error {
	if e == ECONNRESET {
		return ring.ErrReset
	}
	return e
}
