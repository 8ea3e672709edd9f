package auto

import (
	"errors"
	"runtime"
	"strings"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/epoll"
	"github.com/uringserve/uringserve/ring/netengine"
	"github.com/uringserve/uringserve/ring/takeover"
	"github.com/uringserve/uringserve/ring/uring"
)

// A rung is one engine of the ladder.
type rung struct {
	name string
	make func(Options) (ring.Engine, error)
}

// ladder are the engines, the best first. The last one runs everywhere.
var ladder = [...]rung{{Uring, newUring}, {Epoll, newEpoll}, {Net, newNet}}

// whyFirst is the reason for the best engine.
const whyFirst = "io_uring does all that is needed here"

// descend makes the first engine of the ladder that runs here. An engine that
// has an error in refused is known not to run, and is not tried again; errors
// that are found on the way are added, unless refused is nil.
func descend(o Options, refused map[string]error) (ring.Engine, Choice) {
	var why []string
	for _, r := range ladder {
		err := refused[r.name]
		if err == nil {
			var engine ring.Engine
			if engine, err = r.make(o); err == nil {
				return engine, Choice{r.name, reason(why)}
			}
			if refused != nil {
				refused[r.name] = err
			}
		}
		why = append(why, whyNot(r.name, err))
	}
	panic("BUG: auto: " + reason(why)) // net makes no demands
}

// reason is one line about the engines that were refused.
func reason(why []string) string {
	switch {
	case len(why) == 0:
		return whyFirst
	case forceNet:
		return whyForced
	case runtime.GOOS != "linux":
		return why[0] // of all engines the same
	}
	return strings.Join(why, "; ")
}

// whyNot explains in a few words why the ladder went on, and what to change.
func whyNot(name string, err error) string {
	var u *ring.UnavailableError
	if !errors.As(err, &u) {
		return name + ": " + err.Error()
	}
	if runtime.GOOS != "linux" {
		return u.Reason
	}
	s := name + ": " + u.Reason
	if u.Remedy != "" {
		s += "; for it, " + u.Remedy
	}
	return s
}

func newUring(o Options) (ring.Engine, error) {
	if forceNet {
		return nil, forced(Uring)
	}
	if o.Loops == 0 {
		o.Loops = DefaultLoops()
	}
	e, err := uring.New(uring.Options{
		Loops:    o.Loops,
		Takeover: takeover.Options{Disabled: o.TakeoverOff},
		Lost:     o.Lost,
	})
	if err != nil {
		return nil, explain(err)
	}
	return e, nil
}

func newEpoll(o Options) (ring.Engine, error) {
	if forceNet {
		return nil, forced(Epoll)
	}
	if o.Loops == 0 {
		o.Loops = DefaultLoops()
	}
	return epoll.New(epoll.Options{
		Loops:    o.Loops,
		Takeover: takeover.Options{Disabled: o.TakeoverOff},
		Lost:     o.Lost,
	})
}

func newNet(o Options) (ring.Engine, error) {
	return netengine.New(netengine.Options{Loops: o.Loops}), nil
}

// whyForced is why a build with the tag uringnet has one engine.
const whyForced = "this build has the tag uringnet"

func forced(name string) error {
	return &ring.UnavailableError{Engine: name, Reason: whyForced, Remedy: "build without it"}
}
