package uring

import (
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/iouring"
	"github.com/uringserve/uringserve/ring/proactor"
	"github.com/uringserve/uringserve/ring/system"
)

// New makes the engine: rings, buffers and probes, no thread yet. An error is
// a *ring.UnavailableError where the system denies what the engine needs.
func New(o Options) (ring.Engine, error) {
	features, err := iouring.Probe()
	if err == nil {
		err = missing(features)
	}
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	if o.Loops < 1 {
		o.Loops = system.CPUs()
	}
	c := portConfig{Options: o, start: time.Now(), showsSends: !works(features, iouring.FeatureSkipSends)}
	e, err := proactor.New(proactor.Config{
		Name:     Name,
		Loops:    o.Loops,
		NewPort:  func(int) (proactor.Port, error) { return newPort(c) },
		Sockets:  &system.Sockets{},
		Takeover: o.Takeover,
		Lost:     o.Lost,
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Probe tries what the engine needs of the kernel, and what it would like to
// have, in some milliseconds. Safe for concurrent use.
func Probe() Report {
	features, err := iouring.Probe()
	if err == nil {
		err = missing(features)
	}
	return Report{Err: err, Features: features}
}

// missing is nil if all required features work, as far as could be told.
func missing(features []iouring.Feature) error {
	for _, f := range features {
		if f.Required && f.State == iouring.Unsupported {
			return &ring.UnavailableError{
				Engine: Name,
				Reason: "this kernel's io_uring does not do " + f.Name + ": " + f.Reason,
				Remedy: "run on Linux 6.0 or newer",
			}
		}
	}
	return nil
}

func works(features []iouring.Feature, name string) bool {
	for _, f := range features {
		if f.Name == name {
			return f.State == iouring.Works
		}
	}
	return false
}
