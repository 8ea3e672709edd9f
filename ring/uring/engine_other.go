//go:build !linux

package uring

import (
	"errors"
	"runtime"

	"github.com/uringserve/uringserve/ring"
)

// New answers that there is no io_uring here.
func New(Options) (ring.Engine, error) { return nil, Probe().Err }

// Probe answers that there is no io_uring here.
func Probe() Report {
	return Report{Err: &ring.UnavailableError{
		Engine: Name,
		Reason: "io_uring is a part of Linux, and this is " + runtime.GOOS,
		Err:    errors.ErrUnsupported,
	}}
}
