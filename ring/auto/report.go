package auto

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/epoll"
	"github.com/uringserve/uringserve/ring/iouring"
	"github.com/uringserve/uringserve/ring/uring"
)

// A Feature is one behaviour that the uring engine wants of the system.
type Feature struct {
	Name     string
	State    string // works, unsupported or inconclusive
	Reason   string // why, if it does not work; else a remark, or empty
	Required bool   // without it there is no uring engine
}

// A Limit is one fact about what this process may use.
type Limit struct {
	Name  string // one word
	Value string
	// Advice is what to change, if the value costs something.
	Advice string
}

// An EngineState says whether an engine runs here.
type EngineState struct {
	Name   string
	State  string // works or unsupported
	Reason string // why it does not work and what to change; else a remark, or empty
}

// Report says what the system allows.
type Report struct {
	Choice
	Kernel   string
	Loops    int           // that the chosen engine would have
	Engines  []EngineState // the best first
	Features []Feature
	Limits   []Limit
}

// Examine finds out what New would choose here, with so many loops (0: the
// default), and what it depends on. It takes some milliseconds.
func Examine(loops int) Report {
	r := Report{Kernel: kernel()}
	probe := uring.Probe()
	for _, f := range probe.Features {
		r.Features = append(r.Features, Feature{f.Name, string(f.State), f.Reason, f.Required})
	}
	refused := map[string]error{}
	if probe.Err != nil && !forceNet {
		refused[Uring] = explain(probe.Err)
		explainSetup(r.Features, refused[Uring])
	}
	// It is made, not only probed: rings for all loops may need more memory
	// than may be locked.
	engine, choice := descend(Options{Loops: loops}, refused)
	r.Choice, r.Loops = choice, engine.Loops()
	engine.Close(0)
	r.Engines = states(refused)
	r.Limits = append(processors(r), limits()...)
	return r
}

// explainSetup says in a few words why no ring can be set up, if none can.
func explainSetup(features []Feature, err error) {
	var u *ring.UnavailableError
	for i, f := range features {
		if f.Name == "setup" && f.State == string(iouring.Unsupported) && errors.As(err, &u) {
			features[i].Reason = u.Reason
		}
	}
}

// states says of each engine whether it runs: what the descent found, and for
// epoll what it did not look for.
func states(refused map[string]error) []EngineState {
	probe := epoll.Probe()
	if refused[Epoll] == nil && probe.Err != nil {
		refused[Epoll] = probe.Err
	}
	var all []EngineState
	for _, r := range ladder {
		s := EngineState{Name: r.name, State: "works"}
		if err := refused[r.name]; err != nil {
			s.State, s.Reason = "unsupported", strings.TrimPrefix(whyNot(r.name, err), r.name+": ")
		} else if r.name == Epoll && probe.CoarseWaits != "" {
			s.Reason = "it waits in whole milliseconds: " + probe.CoarseWaits
		}
		all = append(all, s)
	}
	return all
}

// processors says what there is to run on.
func processors(r Report) []Limit {
	procs := runtime.GOMAXPROCS(0)
	l := Limit{Name: "gomaxprocs", Value: fmt.Sprint(procs)}
	if r.Engine != Net && procs <= r.Loops && os.Getenv("GOMAXPROCS") != "" {
		l.Advice = fmt.Sprintf("loops never wait briefly in the kernel, which costs up to a sixth: unset the variable GOMAXPROCS, or set it to %d", r.Loops+1)
	}
	return []Limit{
		{Name: "cpus", Value: fmt.Sprint(runtime.NumCPU())},
		{Name: "usable_cpus", Value: fmt.Sprint(DefaultLoops())},
		{Name: "loops", Value: fmt.Sprint(r.Loops)},
		l,
	}
}
