//go:build !linux

package epoll

import (
	"errors"
	"runtime"

	"github.com/uringserve/uringserve/ring"
)

// New answers that there is no epoll here.
func New(Options) (ring.Engine, error) { return nil, Probe().Err }

// Probe answers that there is no epoll here.
func Probe() Report {
	return Report{Err: &ring.UnavailableError{
		Engine: Name,
		Reason: "epoll is a part of Linux, and this is " + runtime.GOOS,
		Err:    errors.ErrUnsupported,
	}}
}
