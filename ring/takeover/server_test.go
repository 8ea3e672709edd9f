package takeover_test

import (
	"sync"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/takeover"
)

// server is a loop of jobs on real threads.
type server struct {
	t *testing.T
	l *takeover.Loop

	// On loop; not atomic, so that the race detector sees who has it not.
	count     int
	inline    int
	elsewhere int
	open      *job // whose outcome a Goexit would leave untold

	takenOver chan time.Time // if not nil: when a thread took over

	mu    sync.Mutex // for the queue; no work is done under it
	queue []*job
	back  []*job // outcomes from elsewhere
	stop  bool
	wake  chan struct{}
}

// job is a handler's run.
type job struct {
	s    *server
	key  uint64
	hint ring.Hint
	f    func(r ring.Run)

	inline  bool // it was begun on the loop
	spawned bool
	took    time.Duration
	over    chan struct{} // closed when done, on loop
}

func newServer(t *testing.T, g *takeover.Group) *server {
	s := &server{t: t, wake: make(chan struct{}, 1)}
	s.l = g.NewLoop(s.lead)
	return s
}

// do queues a job.
func (s *server) do(key uint64, hint ring.Hint, f func(r ring.Run)) *job {
	k := &job{s: s, key: key, hint: hint, f: f, over: make(chan struct{})}
	s.mu.Lock()
	s.queue = append(s.queue, k)
	s.mu.Unlock()
	s.nudge()
	return k
}

func (s *server) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *server) post(k *job) {
	s.mu.Lock()
	s.back = append(s.back, k)
	s.mu.Unlock()
	s.nudge()
}

func (s *server) end() {
	s.mu.Lock()
	s.stop = true
	s.mu.Unlock()
	s.nudge()
	if left := s.l.Wait(10 * time.Second); left != 0 {
		s.t.Errorf("%d threads left", left)
	}
}

func (s *server) lead(t *takeover.Thread) {
	if t.Takeover() && s.takenOver != nil {
		select {
		case s.takenOver <- time.Now():
		default:
		}
	}
	for {
		s.mu.Lock()
		back, stop := s.back, s.stop
		s.back = nil
		var k *job
		if len(s.queue) > 0 {
			k, s.queue = s.queue[0], s.queue[1:]
		}
		s.mu.Unlock()
		for _, b := range back {
			s.done(b)
		}
		switch {
		case k == nil && stop:
			s.l.Stop()
			return
		case k == nil:
			s.l.Idle()
			<-s.wake
			s.l.Busy()
		case s.l.Inline(k.key, k.hint):
			k.inline = true
			s.inline++
			if !s.run(k) {
				return
			}
		default:
			s.elsewhere++
			go k.spawn()
		}
	}
}

func (s *server) run(k *job) (leads bool) {
	r := s.l.Begin(k.key)
	returned := false
	defer func() {
		if !returned {
			s.settle(k, r)
		}
	}()
	k.f(r)
	returned = true
	return s.settle(k, r)
}

func (s *server) settle(k *job, r ring.Run) bool {
	if s.l.End(r) {
		s.done(k)
		return true
	}
	s.post(k)
	return false
}

func (k *job) spawn() {
	began := time.Now()
	defer func() {
		k.took, k.spawned = time.Since(began), true
		k.s.post(k)
	}()
	k.f(ring.Run{})
}

func (s *server) done(k *job) {
	s.count++
	if k.spawned {
		s.l.Finished(k.key, k.took)
	}
	close(k.over)
}
