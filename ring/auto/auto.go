package auto

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/netengine"
	"github.com/uringserve/uringserve/ring/takeover"
	"github.com/uringserve/uringserve/ring/uring"
)

// The names of engines, as --engine spells them.
const (
	Auto  = "auto"
	Uring = uring.Name
	Epoll = "epoll"
	Net   = netengine.Name
)

// Options say what is wanted. The zero value lets the system decide.
type Options struct {
	// Engine is Auto, Uring, Epoll or Net; empty: Auto.
	Engine string

	// Loops is the number of loops; 0: one per CPU that this process may use
	// (DefaultLoops) on uring, more on net, where a loop is only a lock.
	Loops int

	// TakeoverOff has handlers run on goroutines unless they are marked as
	// inline. On net they always do.
	TakeoverOff bool

	// Lost is told that a loop of the uring engine has failed for good. Its
	// connections are gone. Called on the loop's thread; may be nil.
	Lost func(loop int, err error)
}

// Choice is what New decided.
type Choice struct {
	Engine string // its name
	Reason string // one line: why, and how to get the better one
}

// UnknownError says that there is no engine of that name.
type UnknownError struct{ Engine string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("no engine is called %.40q; there are auto, uring and net", e.Engine)
}

// DefaultLoops is how many CPUs this process may use: those of its affinity,
// but not more than its cgroup's quota, rounded up; at least 1.
func DefaultLoops() int { return uring.CPUs() }

// New makes an engine. Errors are *UnknownError and *ring.UnavailableError.
func New(o Options) (ring.Engine, Choice, error) {
	switch o.Engine {
	case Net:
		return newNet(o, "asked for by name")
	case Epoll:
		return nil, Choice{}, &ring.UnavailableError{Engine: Epoll, Reason: "it is not built yet", Remedy: "use auto, uring or net"}
	case Uring, Auto, "":
	default:
		return nil, Choice{}, &UnknownError{o.Engine}
	}
	byName := o.Engine == Uring
	if forceNet {
		if byName {
			return nil, Choice{}, &ring.UnavailableError{Engine: Uring, Reason: "this build has the tag uringnet"}
		}
		return newNet(o, "this build has the tag uringnet")
	}
	engine, err := newUring(o)
	switch {
	case err == nil && byName:
		return engine, Choice{Uring, "asked for by name"}, nil
	case err == nil:
		return engine, Choice{Uring, whyUring}, nil
	case byName:
		return nil, Choice{}, err
	}
	return newNet(o, whyNotUring(err))
}

const whyUring = "io_uring does all that is needed here"

func newUring(o Options) (ring.Engine, error) {
	if o.Loops == 0 {
		o.Loops = DefaultLoops()
	}
	return uring.New(uring.Options{
		Loops:    o.Loops,
		Takeover: takeover.Options{Disabled: o.TakeoverOff},
		Lost:     o.Lost,
	})
}

func newNet(o Options, reason string) (ring.Engine, Choice, error) {
	return netengine.New(netengine.Options{Loops: o.Loops}), Choice{Net, reason}, nil
}

// whyNotUring explains in one line why the ladder went on.
func whyNotUring(err error) string {
	var u *ring.UnavailableError
	if !errors.As(err, &u) {
		return "uring: " + err.Error()
	}
	if runtime.GOOS != "linux" {
		return u.Reason
	}
	s := "uring: " + u.Reason
	if u.Remedy != "" {
		s += "; for it, " + u.Remedy
	}
	return s
}
