package ring

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

type item struct {
	node     PostNode
	run      func()
	producer int
	number   int
}

func (i *item) OnLoop()             { i.run() }
func (i *item) PostNode() *PostNode { return &i.node }

func TestPostQueueKeepsEachProducersOrder(t *testing.T) {
	const producers, each = 8, 2000
	var q PostQueue
	var firsts atomic.Int64
	last := [producers]int{}
	seen := 0
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for n := 1; n <= each; n++ {
				it := &item{producer: p, number: n}
				it.run = func() {
					if it.number != last[it.producer]+1 {
						t.Errorf("producer %d: %d after %d", it.producer, it.number, last[it.producer])
					}
					last[it.producer] = it.number
					seen++
				}
				if q.Push(it) == PushedFirst {
					firsts.Add(1)
				}
			}
		})
	}
	drains := 0
	for seen < producers*each {
		if q.Drain() > 0 {
			drains++
		}
		runtime.Gosched()
	}
	wg.Wait()
	// A wake for each drain that found something: none is lost, and they
	// coalesce.
	if int(firsts.Load()) != drains {
		t.Errorf("%d wakes for %d drains with work", firsts.Load(), drains)
	}
}

func TestPostQueueCoalescesOneValue(t *testing.T) {
	var q PostQueue
	runs := 0
	it := &item{run: func() { runs++ }}
	if got := q.Push(it); got != PushedFirst {
		t.Fatalf("first push: %v", got)
	}
	if got := q.Push(it); got != PushedAlready {
		t.Fatalf("second push: %v", got)
	}
	if n := q.Drain(); n != 1 || runs != 1 {
		t.Fatalf("drained %d, ran %d", n, runs)
	}
}

// A value posted again from within its own OnLoop waits for the next Drain and
// is not lost.
func TestPostQueueRepostFromOnLoop(t *testing.T) {
	var q PostQueue
	runs := 0
	it := &item{}
	it.run = func() {
		if runs++; runs == 1 {
			if got := q.Push(it); got != PushedFirst {
				t.Errorf("push from OnLoop: %v", got)
			}
		}
	}
	q.Push(it)
	q.Drain()
	if runs != 1 || q.Empty() {
		t.Fatalf("after the first drain: %d runs, empty %v", runs, q.Empty())
	}
	q.Drain()
	if runs != 2 || !q.Empty() {
		t.Fatalf("after the second drain: %d runs, empty %v", runs, q.Empty())
	}
}

func TestPostQueueEnd(t *testing.T) {
	var q PostQueue
	runs := 0
	it := &item{run: func() { runs++ }}
	q.Push(it)
	q.End()
	if runs != 1 {
		t.Fatalf("End ran %d", runs)
	}
	if got := q.Push(it); got != PushEnded || runs != 1 {
		t.Fatalf("push after End: %v, %d runs", got, runs)
	}
	q.End()
	if q.Drain() != 0 || !q.Empty() {
		t.Fatal("an ended queue is not empty")
	}
}

func TestPostQueueDoesNotAllocate(t *testing.T) {
	var q PostQueue
	it := &item{run: func() {}}
	if n := testing.AllocsPerRun(1000, func() { q.Push(it); q.Drain() }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}
