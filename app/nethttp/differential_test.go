package nethttp_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// A testCase is run on net/http's server and on ours, and what client and
// handler see must be the same, but for the differences that it names.
type testCase struct {
	area, name string
	modes      []mode // nil: HTTP/1.1 and HTTP/2 in cleartext
	req        request
	handler    handler
	script     func(c *client, r *request) // nil: client.do
	settings   settings
	differs    []seen
}

// seen is a difference as a case shows it: what net/http's text has, and ours in
// its place. Empty texts: there is a difference that need not show.
type seen struct {
	id        string
	ref, ours string
	modes     []mode // nil: all of the case
}

func (c *testCase) inModes() []mode {
	if c.modes == nil {
		return []mode{h1, h2}
	}
	return c.modes
}

// areas are what the server promises, each with at least so many cases.
var areas = map[string]int{
	"body": 5, "flush": 5, "hijack": 5, "controller": 5, "readfrom": 5, "interim": 5, "expect": 5,
	"request trailers": 5, "response trailers": 5, "context": 5, "tls": 5, "abort": 5, "maxbytes": 5,
	"length": 5, "type": 5, "date": 5, "request": 5, "status": 5, "header": 5, "keep-alive": 5, "misuse": 5,
	"states": 5, "service": 5, "files": 5, "limits": 3,
}

func allCases() (all []testCase) {
	for _, some := range [][]testCase{bodyCases(), flushCases(), hijackCases(), hijackedCases(), takenCases(), controllerCases(), readFromCases(),
		interimCases(), expectCases(), trailerCases(), contextCases(), tlsCases(), abortCases(), maxBytesCases(),
		lengthCases(), typeCases(), dateCases(), requestCases(), statusCases(), headerCases(), keepAliveCases(),
		misuseCases(), stateCases(), serviceCases(), serviceRequestCases(), fileCases(), headLimitCases()} {
		all = append(all, some...)
	}
	return all
}

func TestCasesAreManyAndDistinct(t *testing.T) {
	count, names := map[string]int{}, map[string]bool{}
	all := allCases()
	for _, c := range all {
		count[c.area]++
		if names[c.area+"/"+c.name] {
			t.Errorf("%s/%s: twice", c.area, c.name)
		}
		names[c.area+"/"+c.name] = true
		if areas[c.area] == 0 {
			t.Errorf("%s: no such area", c.area)
		}
	}
	for area, least := range areas {
		if count[area] < least {
			t.Errorf("%s: %d cases, want %d", area, count[area], least)
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if says := fmt.Sprintf("%d cases compare", len(all)); !strings.Contains(string(readme), says) {
		t.Errorf("README.md does not say %q", says)
	}
}

// rig are the servers of one kind of settings.
type rig struct{ ref, uring, net *target }

func TestDifferential(t *testing.T) {
	rigs := map[settings]*rig{}
	used := map[string]bool{}
	for _, c := range allCases() {
		r := rigs[c.settings]
		if r == nil {
			r = &rig{newReference(t, c.settings), newOurs(t, "", c.settings), newOurs(t, "net", c.settings)}
			rigs[c.settings] = r
		}
		for _, d := range c.differs {
			used[d.id] = true
			if differences[d.id].Why == "" {
				t.Errorf("%s/%s: there is no difference %q", c.area, c.name, d.id)
			}
		}
		for _, m := range c.inModes() {
			t.Run(fmt.Sprintf("%s/%s/%s", c.area, strings.ReplaceAll(c.name, " ", "-"), m), func(t *testing.T) {
				want := c.expected(t, c.run(t, r.ref, m), m)
				for _, s := range []*target{r.uring, r.net} {
					if got := c.run(t, s, m); got != want {
						t.Errorf("%s differs from net/http (as it may)\n--- want\n%s\n--- got\n%s", s.name, want, got)
					}
				}
			})
		}
	}
	for id := range differences {
		if !used[id] {
			t.Errorf("difference %q: no case shows it", id)
		}
	}
}

// expected is what we must show where net/http's server shows ref.
func (c *testCase) expected(t *testing.T, ref string, m mode) string {
	for _, d := range c.differs {
		if !d.holds(m) {
			continue
		}
		if !strings.Contains(ref, d.ref) {
			t.Errorf("net/http does not show %q:\n%s", d.ref, ref)
		}
		ref = strings.Replace(ref, d.ref, d.ours, 1)
	}
	return strings.ReplaceAll(ref, "\n\n", "\n")
}

func (d *seen) holds(m mode) bool {
	if d.modes == nil {
		return true
	}
	for _, in := range d.modes {
		if in == m {
			return true
		}
	}
	return false
}

// run runs the case once, and gives what both sides saw.
func (c *testCase) run(t *testing.T, s *target, m mode) string {
	n := newNotes()
	s.h.set(c.handler, n)
	cl := newClient(t, s, m, n)
	if c.script != nil {
		c.script(cl, &c.req)
	} else {
		cl.do(&c.req)
	}
	if cl.c != nil {
		cl.c.Close()
	}
	text := strings.Join(cl.saw, "\n")
	if c.handler != nil {
		select {
		case <-n.done:
		case <-time.After(patience):
			text += "\nthe handler did not return"
		}
		text += "\nhandler:\n" + n.text()
	}
	for strings.Contains(text, "\n\n") {
		text = strings.ReplaceAll(text, "\n\n", "\n")
	}
	return text
}
