package conn_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/app/nethttp"
	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/mem"
)

// hijacked is what a hijacker says at first: from then on the connection is its.
const hijacked = "mine\n"

// A simHijack takes connections over and sends back what comes on them, to the
// client's end.
type simHijack struct {
	*sim
	taken, ended int
}

// config serves /tier by the tier of package app, /nethttp by net/http's, and what
// scripts ask for elsewhere.
func (h *simHijack) config(s *sim) conn.Config {
	h.sim = s
	plain := s.handler()
	std := nethttp.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.dawdle(r.URL.Query().Get("n"))
		if nc, rw, err := w.(http.Hijacker).Hijack(); h.took(err) {
			h.echo(nc, rw.Reader)
		}
	}), nethttp.Options{})
	return conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		switch string(r.Path) {
		case "/tier":
			n, _ := r.QueryValue("n")
			h.dawdle(string(n))
			if nc, unread, err := w.Hijack(); h.took(err) {
				h.echo(nc, bufio.NewReader(io.MultiReader(bytes.NewReader(unread), nc)))
			}
		case "/nethttp":
			std.Serve(r, w)
		default:
			plain.Serve(r, w)
		}
	})}
}

// dawdle blocks in one of the ways there are.
func (h *simHijack) dawdle(n string) {
	switch n {
	case "1":
		h.Sleep(2 * time.Millisecond)
	case "2":
		h.SleepHard(2 * time.Millisecond)
	case "3":
		h.Compute(2 * time.Millisecond)
	}
}

// took judges the answer of Hijack.
func (h *simHijack) took(err error) bool {
	if err == nil {
		h.taken++
	}
	return err == nil
}

func (h *simHijack) echo(nc net.Conn, br *bufio.Reader) {
	defer func() { h.ended++ }()
	defer nc.Close()
	if _, err := io.WriteString(nc, hijacked); err != nil {
		return
	}
	for b := make([]byte, 3000); ; {
		n, err := br.Read(b)
		if _, werr := nc.Write(b[:n]); err != nil || werr != nil {
			return
		}
	}
}

// hijackScript makes requests, the last of which hijacks, and what comes behind
// it; answers are what comes before the hijacker's first word, raw all after it.
func hijackScript(rng *rand.Rand, before bool) (in []byte, answers []string, raw []byte) {
	if before && rng.IntN(2) == 0 {
		in, answers = script(rng)
	}
	upgrade := ""
	if rng.IntN(2) == 0 {
		upgrade = "Connection: upgrade\r\nUpgrade: y\r\n"
	}
	in = fmt.Appendf(in, "GET %s?n=%d HTTP/1.1\r\nHost: x\r\n%s\r\n", []string{"/tier", "/nethttp"}[rng.IntN(2)], rng.IntN(6), upgrade)
	n := rng.IntN(100)
	if rng.IntN(4) == 0 {
		n = rng.IntN(60_000)
	}
	raw = pattern(n)
	return append(in, raw...), answers, raw
}

// compareHijack fails unless got are the answers, the hijacker's word, and raw.
func compareHijack(got []byte, answers []string, raw []byte) error {
	head, rest, ok := bytes.Cut(got, []byte(hijacked))
	switch {
	case !ok:
		return fmt.Errorf("not hijacked: %d answers: %v", len(answers), compare(got, answers))
	case !bytes.Equal(rest, raw):
		return fmt.Errorf("%d bytes came back, want %d", len(rest), len(raw))
	}
	return compare(head, answers)
}

// check: whoever took a connection got to its end.
func (h *simHijack) check() {
	if st := h.srv.Stats(); h.taken != h.ended || st.Hijackings != 0 || uint64(h.taken) > st.Hijacked {
		h.t.Errorf("%d taken, %d ended, %d hijacked, %d still are", h.taken, h.ended, st.Hijacked, st.Hijackings)
	}
}

// TestSimulatorHijack: what is behind the request arrives at the hijacker, once,
// and everything comes back. By a fault a connection cannot leave: then it is reset.
func TestSimulatorHijack(t *testing.T) {
	eachSeed(t, 4, func(x *scene) {
		h := &simHijack{}
		x.serve(h.config)
		reset := 0
		x.clients(6, func(_ int, p *mem.Peer, rng *rand.Rand) error {
			in, answers, raw := hijackScript(rng, true)
			got, err := x.play(p, in, rng)
			if errors.Is(err, ring.ErrReset) && !bytes.Contains(got, []byte(hijacked)) {
				reset++
				return nil
			}
			if err != nil {
				return err
			}
			return compareHijack(got, answers, raw)
		})
		x.over()
		h.check()
		if reset != x.Resets() {
			t.Errorf("%d connections were reset, for %d there was a reason", reset, x.Resets())
		}
	})
}

// TestSimulatorHijackShutdown: the server drains, and then aborts what is left,
// beside hijackers and those about to hijack. What has left stays whole.
func TestSimulatorHijackShutdown(t *testing.T) {
	eachSeed(t, 4, func(x *scene) {
		h := &simHijack{}
		x.serve(h.config)
		drainAt, abortAfter := time.Duration(x.rng.IntN(12_000))*time.Microsecond, time.Duration(x.rng.IntN(6_000))*time.Microsecond
		aborts := x.rng.IntN(2) == 0
		going, aborted := false, false
		x.Go("operator", func() {
			x.Sleep(drainAt)
			going = true
			x.StopAccept()
			x.srv.Drain()
			x.Sleep(abortAfter)
			if aborts {
				aborted = true
				x.srv.AbortAll()
			}
		})
		reset := 0
		x.clients(6, func(_ int, p *mem.Peer, rng *rand.Rand) error {
			in, answers, raw := hijackScript(rng, false)
			got, err := x.play(p, in, rng)
			switch mine := bytes.Contains(got, []byte(hijacked)); {
			case err == mem.ErrRefused && going, !mine && aborted:
				return nil
			case !mine && errors.Is(err, ring.ErrReset):
				reset++
				return nil
			case err != nil:
				return err
			}
			return compareHijack(got, answers, raw)
		})
		x.advance(drainAt + 10*time.Second)
		if err := x.srv.Wait(expired()); err != nil {
			t.Errorf("%d connections are left: %+v", x.srv.Active(), x.srv.Stats())
		}
		x.over()
		h.check()
		if reset > x.Resets() {
			t.Errorf("%d connections were reset, for %d there was a reason", reset, x.Resets())
		}
	})
}

// TestSimulatorHijackChaos has clients vanish at any time, before, while and after
// their connections leave.
func TestSimulatorHijackChaos(t *testing.T) {
	eachSeed(t, 4, func(x *scene) {
		h := &simHijack{}
		x.breaks()
		x.serve(h.config)
		x.clients(8, func(_ int, p *mem.Peer, rng *rand.Rand) error {
			in, _, _ := hijackScript(rng, true)
			x.misbehave(p, spoil(in, rng), rng)
			return nil
		})
		x.over()
		h.check()
	})
}
