package auto

import (
	"fmt"
	"os"
	"runtime"

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

// Report says what the system allows.
type Report struct {
	Choice
	Kernel   string
	Loops    int // that the chosen engine would have
	Features []Feature
	Limits   []Limit
}

// Examine finds out what New would choose here, with so many loops (0: the
// default), and what it depends on. It takes some milliseconds.
func Examine(loops int) Report {
	r := Report{Kernel: kernel(), Loops: loops}
	probe := uring.Probe()
	for _, f := range probe.Features {
		r.Features = append(r.Features, Feature{f.Name, string(f.State), f.Reason, f.Required})
	}
	engine, choice, err := New(Options{Loops: loops})
	if err != nil { // the ladder ends with an engine that always runs
		panic("BUG: " + err.Error())
	}
	r.Choice, r.Loops = choice, engine.Loops()
	engine.Close(0)
	r.Limits = append(processors(r), limits()...)
	return r
}

// processors says what there is to run on.
func processors(r Report) []Limit {
	procs := runtime.GOMAXPROCS(0)
	l := Limit{Name: "gomaxprocs", Value: fmt.Sprint(procs)}
	if r.Engine == Uring && procs <= r.Loops && os.Getenv("GOMAXPROCS") != "" {
		l.Advice = fmt.Sprintf("loops never wait briefly in the kernel, which costs up to a sixth: unset the variable GOMAXPROCS, or set it to %d", r.Loops+1)
	}
	return []Limit{
		{Name: "cpus", Value: fmt.Sprint(runtime.NumCPU())},
		{Name: "usable_cpus", Value: fmt.Sprint(DefaultLoops())},
		{Name: "loops", Value: fmt.Sprint(r.Loops)},
		l,
	}
}
