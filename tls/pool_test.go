package tls

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	cryptotls "crypto/tls"
)

func asError[E error](err error, target *E) bool { return errors.As(err, target) }

// reason is that of a Conn that failed, 0 if it has not.
func reason(c *Conn) Reason {
	if c.Poll() != Failed {
		return 0
	}
	var e *HandshakeError
	if !errors.As(c.Err(), &e) {
		return Internal
	}
	return e.Reason
}

func TestHandshakerOptions(t *testing.T) {
	if _, err := NewHandshaker(HandshakerOptions{}); err != nil {
		t.Error(err)
	}
	fields := func(o *HandshakerOptions) []*int {
		return []*int{&o.Waiting, &o.Ready, &o.Computing, &o.HelloBytes, &o.InputBytes}
	}
	for i := range fields(&HandshakerOptions{}) {
		for _, v := range []struct {
			value int
			ok    bool
		}{{-1, false}, {1, true}, {MaxHello, true}, {MaxHello + 1, i != 3}, {maxCount, i != 3}, {maxCount + 1, false}} {
			var o HandshakerOptions
			*fields(&o)[i] = v.value
			_, err := NewHandshaker(o)
			var bad *OptionError
			if v.ok != (err == nil) || err != nil && !errors.As(err, &bad) {
				t.Errorf("field %d = %d: %v", i, v.value, err)
			}
		}
	}
}

// Clients that say nothing, or not enough, are dropped, the oldest first, and
// one that speaks is served among them.
func TestSilentClients(t *testing.T) {
	const bound, more = 10_000, 1_000
	p := newHandshaker(t, HandshakerOptions{Waiting: bound})
	server := serverConfig(t, nil)
	hello := captureHello(t, nil)
	var told sync.Map
	var all []*Conn
	for i := range bound + more {
		c := p.Accept(server, Peer{}, func() { told.Store(i, true) })
		if i%2 == 1 {
			if err := c.Feed(hello[:len(hello)-1]); err != nil { // nearly whole
				t.Fatal(err)
			}
		}
		all = append(all, c)
	}
	r, c := mustDial(t, p, server, clientConfig(t, nil))
	defer r.close()
	if s := p.Stats(); s.Waiting > bound || s.Started != 1 {
		t.Errorf("%+v", s)
	}
	echo(t, c, "served")
	dropped := 0
	for i, c := range all {
		_, was := told.Load(i)
		if why := reason(c); i <= more != was || was != (why == Crowded) { // one more for the client that was served
			t.Fatalf("client %d: told %v, %v", i, was, why)
		}
		if was {
			dropped++
			if out := c.AppendOutput(nil); len(out) != 7 || out[6] != alertInternalError {
				t.Fatalf("a dropped client is told % x", out)
			}
		}
		c.Release()
	}
	if s := p.Stats(); dropped != more+1 || s.Crowded != more+1 || s.Waiting != 0 || s.Input != 0 {
		t.Errorf("%d dropped; %+v", dropped, s)
	}
}

func TestWaitingBound(t *testing.T) {
	for n, dropped := range map[int]int{4: 0, 5: 0, 6: 1, 7: 2} {
		p := newHandshaker(t, HandshakerOptions{Waiting: 5})
		var all []*Conn
		for range n {
			all = append(all, p.Accept(serverConfig(t, nil), Peer{}, func() {}))
		}
		for i, c := range all {
			if got := reason(c) == Crowded; got != (i < dropped) {
				t.Errorf("%d clients: number %d dropped: %v", n, i, got)
			}
			c.Release()
		}
	}
}

// gate is a certificate hook that lets the test hold handshakes while they
// compute.
type gate struct {
	entered, leave chan struct{}
}

func newGate() *gate { return &gate{make(chan struct{}, 1000), make(chan struct{}, 1000)} }

func (g *gate) options(o *Options) {
	o.GetCertificate = func(*cryptotls.ClientHelloInfo) (*cryptotls.Certificate, error) {
		g.entered <- struct{}{}
		<-g.leave
		return &shared.server, nil
	}
}

// hellos accepts n clients and feeds each a hello.
func hellos(t *testing.T, p *Handshaker, server *cryptotls.Config, n int) (all []*rig) {
	t.Helper()
	hello := captureHello(t, nil)
	for range n {
		r := newRig(t, p, server)
		if err := r.c.Feed(hello); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func TestComputingBound(t *testing.T) {
	for n, want := range map[int]int{1: 1, 2: 2, 3: 2, 20: 2} {
		g := newGate()
		p := newHandshaker(t, HandshakerOptions{Computing: 2})
		all := hellos(t, p, serverConfig(t, g.options), n)
		for range want {
			<-g.entered
		}
		if s := p.Stats(); s.Computing != want || s.Ready != n-want || s.Started != uint64(want) {
			t.Errorf("%d hellos: %+v", n, s)
		}
		for range n {
			g.leave <- struct{}{}
		}
		for _, r := range all {
			<-r.wake // its first flight is out: it waits, without a slot
			if !r.c.HasOutput() {
				t.Error("no flight")
			}
		}
		if s := p.Stats(); s.Computing != 0 || s.Waiting != n || s.Ready != 0 {
			t.Errorf("%d hellos answered: %+v", n, s)
		}
		for _, r := range all {
			r.c.Release()
		}
	}
}

func TestReadyBound(t *testing.T) {
	for n, refused := range map[int]int{5: 0, 6: 0, 7: 1, 8: 2} { // one computes, five are ready
		g := newGate()
		p := newHandshaker(t, HandshakerOptions{Computing: 1, Ready: 5})
		all := hellos(t, p, serverConfig(t, g.options), n)
		for i, r := range all {
			if got := reason(r.c) == Overloaded; got != (i >= n-refused) {
				t.Errorf("%d hellos: number %d refused: %v", n, i, got)
			}
		}
		if s := p.Stats(); s.Shed != uint64(refused) {
			t.Errorf("%+v", s)
		}
		for _, r := range all {
			r.c.Release()
			g.leave <- struct{}{}
		}
	}
}

// A handshake that has begun comes before fresh ones.
func TestBegunFirst(t *testing.T) {
	g := newGate()
	p := newHandshaker(t, HandshakerOptions{Computing: 1})
	server := serverConfig(t, g.options)
	g.leave <- struct{}{}
	begun := newRig(t, p, server)
	c := cryptotls.Client(begun.end(), clientConfig(t, nil))
	result := make(chan error, 1)
	go func() { result <- c.Handshake() }()
	<-begun.wake
	begun.turn() // hello
	<-begun.wake
	begun.turn() // its flight; the client finishes
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	<-g.entered
	fresh := hellos(t, p, server, 3)
	<-g.entered // one of them holds the slot
	begun.turn()
	if s := p.Stats(); s.Ready != 3 || s.Computing != 1 {
		t.Fatalf("%+v", s)
	}
	g.leave <- struct{}{}
	for begun.c.Poll() == Handshaking {
		<-begun.wake
	}
	if begun.c.Poll() != Established {
		t.Fatal(begun.c.Err())
	}
	for range 2 {
		g.leave <- struct{}{}
	}
	for _, r := range append(fresh, begun) {
		r.c.Release()
	}
}

// The bytes that handshakes hold together are bounded: who holds more than a
// hello goes first, then who has waited longest.
func TestInputBound(t *testing.T) {
	part := makeHello(1000, 1<<14)[:900]
	for limit, dropped := range map[int]int{3*900 + 1: 0, 3 * 900: 0, 3*900 - 1: 1} {
		p := newHandshaker(t, HandshakerOptions{InputBytes: limit, HelloBytes: 2000})
		var all []*Conn
		for range 3 {
			c := p.Accept(serverConfig(t, nil), Peer{}, func() {})
			if err := c.Feed(part); err != nil {
				t.Fatal(err)
			}
			all = append(all, c)
		}
		if s := p.Stats(); s.Input > limit || s.Crowded != uint64(dropped) {
			t.Errorf("limit %d: %+v", limit, s)
		}
		for i, c := range all {
			if got := reason(c) == Crowded; got != (i < dropped) {
				t.Errorf("limit %d: number %d dropped: %v", limit, i, got)
			}
			c.Release()
		}
	}
}

func TestInputBoundOfOne(t *testing.T) {
	g := newGate()
	p := newHandshaker(t, HandshakerOptions{InputBytes: 100_000, Computing: 1})
	quiet := p.Accept(serverConfig(t, nil), Peer{}, func() {})
	all := hellos(t, p, serverConfig(t, g.options), 2)
	for range 3 {
		if err := all[1].c.Feed(make([]byte, 40_000)); err != nil {
			t.Fatal(err)
		}
	}
	if reason(all[1].c) != Overloaded || reason(quiet) != 0 || reason(all[0].c) != 0 {
		t.Errorf("%v, %v, %v", reason(all[1].c), reason(quiet), reason(all[0].c))
	}
	quiet.Release()
	for _, r := range all {
		r.c.Release()
		g.leave <- struct{}{}
	}
}

// A client that has sent its hello and then nothing is dropped like a silent
// one, and its goroutine ends.
func TestCrowdedInTheMiddle(t *testing.T) {
	p := newHandshaker(t, HandshakerOptions{Waiting: 3})
	server := serverConfig(t, nil)
	all := hellos(t, p, server, 3)
	for _, r := range all {
		<-r.wake
	}
	late := p.Accept(server, Peer{}, func() {})
	// Which of them waited longest is the scheduler's choice.
	dropped := 0
	for _, r := range all {
		r.c.hs.p.mu.Lock()
		cause := r.c.hs.cause
		r.c.hs.p.mu.Unlock()
		if cause == nil {
			continue
		}
		dropped++
		for r.c.Poll() == Handshaking {
			<-r.wake
		}
		if got := reason(r.c); got != Crowded {
			t.Errorf("%v", got)
		}
	}
	if dropped != 1 {
		t.Errorf("%d dropped", dropped)
	}
	late.Release()
	for _, r := range all {
		r.c.Release()
	}
}

// Abort ends a handshake in each of its stages; nothing stays behind.
func TestAbort(t *testing.T) {
	g := newGate()
	p := newHandshaker(t, HandshakerOptions{Computing: 1})
	server := serverConfig(t, g.options)
	silent := newRig(t, p, server)
	all := append(hellos(t, p, server, 2), silent) // computing, ready, hello
	<-g.entered
	g.leave <- struct{}{}
	<-all[0].wake // waiting now, and the next computes
	<-g.entered
	for _, r := range all {
		r.c.Abort(TooSlow)
		r.c.Abort(Stopped) // has no effect
		if got := reason(r.c); got != TooSlow {
			t.Errorf("%v, want %v", got, TooSlow)
		}
		r.c.Release()
		if r.c.Poll() != Released {
			t.Error(r.c.Poll())
		}
	}
	g.leave <- struct{}{}
	r, _ := func() (*rig, *cryptotls.Conn) {
		g.leave <- struct{}{}
		return mustDial(t, p, server, clientConfig(t, nil))
	}()
	r.close()
	if s := p.Stats(); s.Failed != 3 || s.Succeeded != 1 || s.Waiting+s.Ready+s.Computing+s.Input != 0 {
		t.Errorf("%+v", s)
	}
}

// The caller's goroutines can be used.
func TestGo(t *testing.T) {
	var wg sync.WaitGroup
	n := 0
	p := newHandshaker(t, HandshakerOptions{Go: func(task func()) {
		n++
		wg.Go(task)
	}})
	r, _ := mustDial(t, p, serverConfig(t, nil), clientConfig(t, nil))
	r.close()
	wg.Wait()
	if n != 1 {
		t.Errorf("%d goroutines", n)
	}
}

// More than MaxInput is refused, before and after the handshake.
func TestInputFull(t *testing.T) {
	p := newHandshaker(t, HandshakerOptions{})
	r, _ := mustDial(t, p, serverConfig(t, nil), clientConfig(t, nil))
	r.halt()
	for _, c := range []struct {
		size int
		want error
	}{{MaxInput - 1, nil}, {1, nil}, {1, ErrInputFull}} {
		if err := r.c.Feed(make([]byte, c.size)); err != c.want {
			t.Errorf("%d more: %v", c.size, err)
		}
		r.c.Detach()
		if !r.c.Full() || r.c.Buffered() < MaxInput-1 {
			t.Errorf("not full with %d", r.c.Buffered())
		}
	}
	r.close()
	g := newGate()
	h := hellos(t, p, serverConfig(t, g.options), 1)[0]
	<-g.entered
	if err := h.c.Feed(make([]byte, MaxInput)); err != nil { // crypto/tls has the hello
		t.Error(err)
	}
	if err := h.c.Feed([]byte{0}); err != ErrInputFull {
		t.Errorf("one more: %v", err)
	}
	h.c.Release()
	g.leave <- struct{}{}
}

func TestFull(t *testing.T) {
	r, _ := mustDial(t, newHandshaker(t, HandshakerOptions{}), serverConfig(t, nil), clientConfig(t, nil))
	defer r.close()
	r.halt()
	for _, c := range []struct {
		size int
		full bool
	}{{fullInput - 1, false}, {1, true}, {1, true}} {
		if err := r.c.Feed(make([]byte, c.size)); err != nil {
			t.Fatal(err)
		}
		if got := r.c.Full(); got != c.full {
			t.Errorf("%d bytes: full %v", r.c.Buffered(), got)
		}
	}
}

func TestReasons(t *testing.T) {
	for r := range NumReasons {
		if reasons[r] == "" {
			t.Errorf("reason %d has no words", r)
		}
	}
	if s := Reason(200).String(); s != "reason 200" {
		t.Error(s)
	}
	err := fmt.Errorf("%w", &HandshakeError{ClientGone, io.EOF})
	if !errors.Is(err, io.EOF) || err.Error() != "tls: handshake: client gone: EOF" {
		t.Error(err)
	}
}
