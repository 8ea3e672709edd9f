package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/ring/auto"
)

// whole is a report with everything in it.
var whole = auto.Report{
	Choice: auto.Choice{Engine: "epoll", Reason: "uring: <denied>; for it, allow it"},
	Kernel: "Linux 6.1.0 x86_64",
	Loops:  2,
	Engines: []auto.EngineState{
		{Name: "uring", State: "unsupported", Reason: "<denied>; for it, allow it"},
		{Name: "epoll", State: "works"},
		{Name: "net", State: "works"},
	},
	Features: []auto.Feature{
		{Name: "setup", State: "unsupported", Reason: "EPERM", Required: true},
		{Name: "memlock", State: "inconclusive", Reason: "no ring"},
	},
	Limits: []auto.Limit{{Name: "cpus", Value: "2"}, {Name: "nofile", Value: "64", Advice: "raise it"}},
}

// The form of doctor --json is a contract: names may be added, none changed.
func TestDoctorJSON(t *testing.T) {
	var b bytes.Buffer
	if err := writeJSON(&b, whole); err != nil {
		t.Fatal(err)
	}
	var r map[string]any
	if err := json.Unmarshal(b.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if keys := slices.Sorted(maps.Keys(r)); !slices.Equal(keys, []string{"engine", "engines", "features", "kernel", "limits", "reason"}) {
		t.Errorf("keys %v", keys)
	}
	if r["engine"] != "epoll" || r["reason"] != whole.Reason || r["kernel"] != whole.Kernel {
		t.Errorf("%s", b.Bytes())
	}
	for _, list := range []struct {
		name string
		len  int
	}{{"engines", 3}, {"features", 2}} {
		all, _ := r[list.name].([]any)
		if len(all) != list.len {
			t.Fatalf("%s: %v", list.name, r[list.name])
		}
		for _, one := range all {
			entry, _ := one.(map[string]any)
			if keys := slices.Sorted(maps.Keys(entry)); !slices.Equal(keys, []string{"name", "reason", "state"}) {
				t.Errorf("%s: keys %v", list.name, keys)
			}
		}
	}
	first := r["engines"].([]any)[0].(map[string]any)
	if first["name"] != "uring" || first["state"] != "unsupported" || first["reason"] != "<denied>; for it, allow it" {
		t.Errorf("the first engine: %v", first)
	}
	if limits := r["limits"].(map[string]any); limits["cpus"] != "2" || limits["nofile"] != "64" {
		t.Errorf("limits %v", limits)
	}
}

// What a system lacks is an empty list, not null.
func TestDoctorJSONWithoutFeatures(t *testing.T) {
	var b bytes.Buffer
	if err := writeJSON(&b, auto.Report{}); err != nil || strings.Contains(b.String(), "null") {
		t.Errorf("%v %s", err, b.Bytes())
	}
}

func TestDoctorTable(t *testing.T) {
	var b bytes.Buffer
	if err := writeTable(&b, whole); err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for line := range strings.Lines(b.String()) {
		lines[strings.Join(strings.Fields(line), " ")] = true
	}
	for _, want := range []string{
		"engine epoll", "why uring: <denied>; for it, allow it", "kernel Linux 6.1.0 x86_64",
		"engines state reason", "uring unsupported <denied>; for it, allow it", "epoll works", "net works",
		"setup unsupported needed EPERM", "memlock inconclusive wanted no ring",
		"cpus 2", "nofile 64 ! raise it",
	} {
		if !lines[want] {
			t.Errorf("the table lacks %q:\n%s", want, b.Bytes())
		}
	}
}

// The command tells of this system: the chosen engine works, and net does.
func TestDoctorCommand(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run([]string{"doctor", "--json"}, &stdout, &stderr); code != exitOK {
		t.Fatalf("exit %d: %s", code, stderr.Bytes())
	}
	var r report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	works := map[string]bool{}
	for _, e := range r.Engines {
		works[e.Name] = e.State == "works"
		if works[e.Name] != (e.State != "unsupported") {
			t.Errorf("engine %+v", e)
		}
	}
	if len(works) != 3 || !works[r.Engine] || !works["net"] {
		t.Errorf("chosen %s of %v", r.Engine, works)
	}
	stdout.Reset()
	if code := run([]string{"doctor"}, &stdout, &stderr); code != exitOK || !strings.Contains(stdout.String(), r.Engine) {
		t.Errorf("exit %d: %s", code, stdout.Bytes())
	}
	if code := run([]string{"doctor", "--yaml"}, &stdout, &stderr); code != exitUsage {
		t.Errorf("--yaml: exit %d", code)
	}
}
