package auto

import (
	"fmt"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/epoll"
	"github.com/uringserve/uringserve/ring/netengine"
	"github.com/uringserve/uringserve/ring/system"
	"github.com/uringserve/uringserve/ring/uring"
)

// The names of engines, as --engine spells them.
const (
	Auto  = "auto"
	Uring = uring.Name
	Epoll = epoll.Name
	Net   = netengine.Name
)

// Options say what is wanted. The zero value lets the system decide.
type Options struct {
	// Engine is Auto, Uring, Epoll or Net; empty: Auto.
	Engine string

	// Loops is the number of loops; 0: one per CPU that this process may use
	// (DefaultLoops) on uring and epoll, more on net, where a loop is only a
	// lock.
	Loops int

	// TakeoverOff has handlers run on goroutines unless they are marked as
	// inline. On net they always do.
	TakeoverOff bool

	// Lost is told that a loop of the uring or epoll engine has failed for
	// good. Its connections are gone. Called on the loop's thread; may be nil.
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
	return fmt.Sprintf("no engine is called %.40q; there are auto, uring, epoll and net", e.Engine)
}

// DefaultLoops is how many CPUs this process may use: those of its affinity,
// but not more than its cgroup's quota, rounded up; at least 1.
func DefaultLoops() int { return system.CPUs() }

// New makes an engine: the one that is named or, for Auto, the best that runs
// here. Each engine is tried at most once, by being made. Errors are
// *UnknownError and, if an engine that is named can't run, its
// *ring.UnavailableError.
func New(o Options) (ring.Engine, Choice, error) {
	if o.Engine == Auto || o.Engine == "" {
		engine, choice := descend(o, nil)
		return engine, choice, nil
	}
	for _, r := range ladder {
		if r.name != o.Engine {
			continue
		}
		engine, err := r.make(o)
		if err != nil {
			return nil, Choice{}, err
		}
		return engine, Choice{r.name, "asked for by name"}, nil
	}
	return nil, Choice{}, &UnknownError{o.Engine}
}
