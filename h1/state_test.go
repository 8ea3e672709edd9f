package h1

import (
	"errors"
	"testing"
)

// The events of an Exchange, in the order of the columns below.
var stateEvents = []struct {
	name string
	do   func(*Exchange) error
}{
	{"ReadHead(body)", func(x *Exchange) error { return x.ReadHead(true, true) }},
	{"ReadHead(none)", func(x *Exchange) error { return x.ReadHead(false, true) }},
	{"EndRequest", (*Exchange).EndRequest},
	{"Reject", (*Exchange).Reject},
	{"SendInformational", (*Exchange).SendInformational},
	{"SendHead", func(x *Exchange) error { return x.SendHead(true) }},
	{"SendBody", (*Exchange).SendBody},
	{"EndResponse", (*Exchange).EndResponse},
	{"HandOver", (*Exchange).HandOver},
	{"Next", (*Exchange).Next},
}

// All states and events. A state is two letters: the request's of "hbdr", the
// response's of "nhbdo". A dash: not legal.
var stateTable = []struct{ from, to string }{
	//       body none EndQ Rej  Info Head Body EndR Over Next
	{"hn", " bn   dn   --   rn   --   --   --   --   --   -- "},
	{"bn", " --   --   dn   rn   bn   bh   --   --   --   -- "},
	{"dn", " --   --   --   --   dn   dh   --   --   do   -- "},
	{"rn", " --   --   --   --   --   rh   --   --   --   -- "},

	{"hh", " --   --   --   rh   --   --   hb   hd   --   -- "},
	{"bh", " --   --   dh   rh   --   --   bb   bd   --   -- "},
	{"dh", " --   --   --   --   --   --   db   dd   --   -- "},
	{"rh", " --   --   --   --   --   --   rb   rd   --   -- "},

	{"hb", " --   --   --   rb   --   --   hb   hd   --   -- "},
	{"bb", " --   --   db   rb   --   --   bb   bd   --   -- "},
	{"db", " --   --   --   --   --   --   db   dd   --   -- "},
	{"rb", " --   --   --   --   --   --   rb   rd   --   -- "},

	{"hd", " --   --   --   rd   --   --   --   --   --   -- "},
	{"bd", " --   --   dd   rd   --   --   --   --   --   -- "},
	{"dd", " --   --   --   --   --   --   --   --   --   hn "},
	{"rd", " --   --   --   --   --   --   --   --   --   -- "},

	{"ho", " --   --   --   ro   --   --   --   --   --   -- "},
	{"bo", " --   --   do   ro   --   --   --   --   --   -- "},
	{"do", " --   --   --   --   --   --   --   --   --   -- "},
	{"ro", " --   --   --   --   --   --   --   --   --   -- "},
}

const requestLetters, responseLetters = "hbdr", "nhbdo"

func stateName(x *Exchange) string {
	return string([]byte{requestLetters[x.request], responseLetters[x.response]})
}

func TestExchangeAllStatesAndEvents(t *testing.T) {
	if want := numRequestStates * numResponseStates; len(stateTable) != want {
		t.Fatalf("the table has %d states, there are %d", len(stateTable), want)
	}
	byName := map[string]Exchange{}
	for q := range numRequestStates {
		for s := range numResponseStates {
			x := Exchange{request: RequestState(q), response: ResponseState(s)}
			byName[stateName(&x)] = x
		}
	}
	for _, row := range stateTable {
		for i, event := range stateEvents {
			x, ok := byName[row.from]
			if !ok {
				t.Fatalf("no state %q", row.from)
			}
			before := x
			err := event.do(&x)
			want := row.to[1+5*i : 3+5*i]
			if want == "--" {
				var illegal *StateError
				if !errors.As(err, &illegal) || x != before {
					t.Errorf("%s in %s: error %v, went to %s", event.name, row.from, err, stateName(&x))
				}
				continue
			}
			if err != nil || stateName(&x) != want {
				t.Errorf("%s in %s: error %v, went to %s, want %s", event.name, row.from, err, stateName(&x), want)
			}
		}
	}
}

func TestExchangeQuestions(t *testing.T) {
	for q := range numRequestStates {
		for s := range numResponseStates {
			for _, mustClose := range []bool{false, true} {
				x := Exchange{RequestState(q), ResponseState(s), mustClose}
				if got, want := x.CanReuse(), stateName(&x) == "dd" && !mustClose; got != want {
					t.Errorf("%s, close %v: CanReuse is %v", stateName(&x), mustClose, got)
				}
				if got, want := x.MayContinue(), stateName(&x) == "bn"; got != want {
					t.Errorf("%s: MayContinue is %v", stateName(&x), got)
				}
				if err := x.Next(); (err == nil) == (mustClose || q != int(RequestDone) || s != int(ResponseDone)) {
					t.Errorf("%s, close %v: Next says %v", stateName(&x), mustClose, err)
				}
			}
		}
	}
}

// Who sets the mark, and that nobody takes it back.
func TestExchangeMustClose(t *testing.T) {
	start := func() *Exchange { return &Exchange{} }
	run := func(x *Exchange, steps ...func() error) {
		t.Helper()
		for i, step := range steps {
			if err := step(); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
		}
	}
	for _, c := range []struct {
		name string
		do   func(x *Exchange)
		want bool
	}{
		{"nothing", func(x *Exchange) {
			run(x, func() error { return x.ReadHead(false, true) }, func() error { return x.SendHead(true) })
		}, false},
		{"request", func(x *Exchange) {
			run(x, func() error { return x.ReadHead(false, false) }, func() error { return x.SendHead(true) })
		}, true},
		{"response", func(x *Exchange) {
			run(x, func() error { return x.ReadHead(false, true) }, func() error { return x.SendHead(false) })
		}, true},
		{"reject", func(x *Exchange) { run(x, x.Reject, func() error { return x.SendHead(true) }) }, true},
		{"hand-over", func(x *Exchange) { run(x, func() error { return x.ReadHead(false, true) }, x.HandOver) }, true},
		{"asked", func(x *Exchange) {
			x.MustClose()
			run(x, func() error { return x.ReadHead(false, true) }, func() error { return x.SendHead(true) })
		}, true},
	} {
		x := start()
		c.do(x)
		if x.Closing() != c.want {
			t.Errorf("%s: Closing is %v", c.name, x.Closing())
		}
	}
}

func TestStateErrorNames(t *testing.T) {
	var x Exchange
	err := x.EndResponse()
	if want := "h1: EndResponse with request head, response none"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if x.Request().String() != "head" || x.Response().String() != "none" {
		t.Error("state names")
	}
}
