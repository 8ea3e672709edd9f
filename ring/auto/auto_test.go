package auto

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/epoll"
	"github.com/uringserve/uringserve/ring/uring"
)

func TestAutoPicksWhatRuns(t *testing.T) {
	e, choice, err := New(Options{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(0)
	want := Uring
	switch {
	case forceNet || uring.Probe().Err != nil && epoll.Probe().Err != nil:
		want = Net
	case uring.Probe().Err != nil:
		want = Epoll
	}
	if choice.Engine != want || e.Name() != want || e.Loops() != 1 {
		t.Errorf("%+v, %s", choice, e.Name())
	}
	if choice.Reason == "" || strings.Contains(choice.Reason, "\n") {
		t.Errorf("reason %q", choice.Reason)
	}
}

func TestByName(t *testing.T) {
	e, choice, err := New(Options{Engine: Net, Loops: 3})
	if err != nil || choice.Engine != Net || e.Loops() != 3 {
		t.Fatalf("%+v %v", choice, err)
	}
	e.Close(0)
	var unavailable *ring.UnavailableError
	for _, name := range []string{Uring, Epoll} {
		probe := map[string]error{Uring: uring.Probe().Err, Epoll: epoll.Probe().Err}[name]
		e, choice, err := New(Options{Engine: name, Loops: 1})
		switch {
		case forceNet || probe != nil:
			if !errors.As(err, &unavailable) || !errors.Is(err, errors.ErrUnsupported) || unavailable.Engine != name {
				t.Errorf("%s, which can't run here: %v", name, err)
			}
		case err != nil || e.Name() != name || choice.Engine != name || choice.Reason == "":
			t.Errorf("%s: %+v %v", name, choice, err)
		default:
			e.Close(0)
		}
	}
	var unknown *UnknownError
	if _, _, err := New(Options{Engine: "steam"}); !errors.As(err, &unknown) {
		t.Errorf("steam: %v", err)
	}
}

// The reason is one line that says what to change, for each engine that would
// have been better.
func TestReason(t *testing.T) {
	denied := &ring.UnavailableError{Engine: Uring, Reason: "seccomp denies it", Remedy: "allow it"}
	want := "uring: seccomp denies it; for it, allow it"
	if runtime.GOOS != "linux" {
		want = "seccomp denies it"
	}
	if got := whyNot(Uring, denied); got != want {
		t.Errorf("%q", got)
	}
	if got := whyNot(Uring, errors.New("odd")); got != "uring: odd" {
		t.Errorf("%q", got)
	}
	if got := reason(nil); got != whyFirst {
		t.Errorf("nothing refused: %q", got)
	}
	want = "a; b"
	if forceNet {
		want = whyForced
	} else if runtime.GOOS != "linux" {
		want = "a"
	}
	if got := reason([]string{"a", "b"}); got != want {
		t.Errorf("two refused: %q", got)
	}
}

// An engine that is known to be refused is not tried, and the ladder ends with
// net. What is found on the way is kept.
func TestDescendSkipsTheRefused(t *testing.T) {
	refused := map[string]error{
		Uring: &ring.UnavailableError{Engine: Uring, Reason: "tried before"},
		Epoll: &ring.UnavailableError{Engine: Epoll, Reason: "tried as well"},
	}
	e, choice := descend(Options{Loops: 2}, refused)
	defer e.Close(0)
	if choice.Engine != Net || e.Name() != Net || e.Loops() != 2 || len(refused) != 2 {
		t.Errorf("%+v, %s, refused %v", choice, e.Name(), refused)
	}
	if !forceNet && runtime.GOOS == "linux" && choice.Reason != "uring: tried before; epoll: tried as well" {
		t.Errorf("reason %q", choice.Reason)
	}
	if !forceNet && runtime.GOOS == "linux" {
		return
	}
	// Here the ladder has one engine: the others say so.
	refused = map[string]error{}
	e, choice = descend(Options{}, refused)
	defer e.Close(0)
	if choice.Engine != Net || len(refused) != 2 {
		t.Errorf("%+v, refused %v", choice, refused)
	}
}

func TestExamine(t *testing.T) {
	if n := DefaultLoops(); n < 1 {
		t.Errorf("%d loops", n)
	}
	r := Examine(2)
	if r.Engine == "" || r.Reason == "" || r.Kernel == "" || r.Loops != 2 {
		t.Errorf("%+v", r)
	}
	seen := map[string]bool{}
	for _, l := range r.Limits {
		if l.Value == "" || seen[l.Name] {
			t.Errorf("limit %+v", l)
		}
		seen[l.Name] = true
	}
	var names []string
	for _, e := range r.Engines {
		names = append(names, e.Name)
		chosen := e.Name == r.Engine
		if e.State != "works" && (e.State != "unsupported" || e.Reason == "" || chosen || e.Name == Net) {
			t.Errorf("engine %+v, chosen %s", e, r.Engine)
		}
	}
	if !slices.Equal(names, []string{Uring, Epoll, Net}) {
		t.Errorf("engines %v", names)
	}
	for _, name := range []string{"cpus", "usable_cpus", "loops", "gomaxprocs"} {
		if !seen[name] {
			t.Errorf("no limit %q", name)
		}
	}
	if runtime.GOOS == "linux" && (!seen["seccomp"] || !seen["memlock"] || len(r.Features) == 0) {
		t.Errorf("%+v", r)
	}
}
