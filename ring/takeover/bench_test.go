package takeover_test

import (
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/takeover"
)

// onLeader runs f on a leader with a spare at hand. The watchdog ticks too
// seldom to mistake a benchmark that lacks a CPU for a handler that blocks.
func onLeader(f func(l *takeover.Loop)) {
	g := takeover.NewGroup(takeover.Options{Tick: time.Second / 4})
	var l *takeover.Loop
	l = g.NewLoop(func(*takeover.Thread) {
		for !l.Inline(1, ring.HintNone) {
		}
		f(l)
		l.Stop()
	})
	l.Start()
	for l.Wait(1<<40) != 0 {
	}
	g.Close()
}

func BenchmarkBeginEnd(b *testing.B) {
	onLeader(func(l *takeover.Loop) {
		for b.Loop() {
			if !l.End(l.Begin(1)) {
				panic("BUG: lost the loop")
			}
		}
	})
}

func BenchmarkInline(b *testing.B) {
	onLeader(func(l *takeover.Loop) {
		for b.Loop() {
			l.Inline(1, ring.HintNone)
		}
	})
}

func BenchmarkInlineBeginEnd(b *testing.B) {
	onLeader(func(l *takeover.Loop) {
		for b.Loop() {
			if l.Inline(1, ring.HintNone) && !l.End(l.Begin(1)) {
				panic("BUG: lost the loop")
			}
		}
	})
}

// A run of its own each, because a long one would lose the loop.
func BenchmarkBeginEnterLeaveEnd(b *testing.B) {
	onLeader(func(l *takeover.Loop) {
		for b.Loop() {
			r := l.Begin(1)
			if r.Enter() {
				r.Leave()
			}
			if !l.End(r) {
				panic("BUG: lost the loop")
			}
		}
	})
}

func BenchmarkIdleBusy(b *testing.B) {
	onLeader(func(l *takeover.Loop) {
		for b.Loop() {
			l.Idle()
			l.Busy()
		}
	})
}
