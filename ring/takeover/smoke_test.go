package takeover

import (
	"runtime"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
)

func TestSmoke(t *testing.T) {
	g := NewGroup(Options{})
	var l *Loop
	n := 0
	done := make(chan struct{})
	l = g.NewLoop(func(th *Thread) {
		for {
			n++
			if n > 60 {
				l.Stop()
				close(done)
				return
			}
			for !l.Inline(1, ring.HintInline) {
				runtime.Gosched()
			}
			what := n % 20
			r := l.Begin(1)
			switch what {
			case 5:
				time.Sleep(20 * time.Millisecond)
			case 6:
				runtime.Goexit()
			case 7:
				if !r.Enter() {
					t.Error("no enter")
				}
				r.HandOver()
			}
			if !l.End(r) {
				return
			}
		}
	})
	l.Start()
	<-done
	if left := l.Wait(time.Second); left != 0 {
		t.Error(left, "left")
	}
	t.Logf("%+v", l.Stats())
	g.Close()
}
