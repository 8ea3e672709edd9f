package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/uringserve/uringserve/ring/auto"
)

// doctor says what this system allows.
func doctor(args []string, stdout, stderr io.Writer) int {
	asJSON := false
	for _, a := range args {
		switch a {
		case "--json", "-json":
			asJSON = true
		default:
			return usageError(stderr, fmt.Errorf("doctor takes --json, not %.40q", a))
		}
	}
	r := auto.Examine(0)
	var err error
	if asJSON {
		err = writeJSON(stdout, r)
	} else {
		err = writeTable(stdout, r)
	}
	if err != nil {
		return failure(stderr, err)
	}
	return exitOK
}

// report is the form of doctor --json.
type report struct {
	Engine   string            `json:"engine"`
	Reason   string            `json:"reason"`
	Kernel   string            `json:"kernel"`
	Engines  []engine          `json:"engines"` // the best first
	Features []feature         `json:"features"`
	Limits   map[string]string `json:"limits"`
}

type engine struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Reason string `json:"reason"`
}

type feature struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Reason string `json:"reason"`
}

func writeJSON(w io.Writer, r auto.Report) error {
	out := report{Engine: r.Engine, Reason: r.Reason, Kernel: r.Kernel, Engines: []engine{}, Features: []feature{}, Limits: map[string]string{}}
	for _, e := range r.Engines {
		out.Engines = append(out.Engines, engine(e))
	}
	for _, f := range r.Features {
		out.Features = append(out.Features, feature{f.Name, f.State, f.Reason})
	}
	for _, l := range r.Limits {
		out.Limits[l.Name] = l.Value
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

func writeTable(w io.Writer, r auto.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "engine\t%s\n", r.Engine)
	fmt.Fprintf(t, "why\t%s\n", r.Reason)
	fmt.Fprintf(t, "kernel\t%s\n", r.Kernel)
	fmt.Fprintf(t, "\nengines\tstate\treason\n")
	for _, e := range r.Engines {
		fmt.Fprintf(t, "%s\t%s\t%s\n", e.Name, e.State, e.Reason)
	}
	if len(r.Features) > 0 {
		fmt.Fprintf(t, "\nio_uring\tstate\tneeded\tremark\n")
	}
	for _, f := range r.Features {
		needed := "wanted"
		if f.Required {
			needed = "needed"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.Name, f.State, needed, f.Reason)
	}
	fmt.Fprintf(t, "\nlimits\t\n")
	for _, l := range r.Limits {
		fmt.Fprintf(t, "%s\t%s", l.Name, l.Value)
		if l.Advice != "" {
			fmt.Fprintf(t, "\t!\t%s", l.Advice)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}
