package giouringcheck

import (
	"testing"

	"github.com/pawelgaczynski/giouring"

	"github.com/uringserve/uringserve/ring/iouring"
)

// A batch of operations that do nothing, submitted and reaped: what remains is
// the kernel's entry and the binding.
func BenchmarkBatchOfNops(b *testing.B) {
	const entries, batch = 64, 32
	b.Run("ours", func(b *testing.B) {
		r, err := iouring.Setup(iouring.Config{Entries: entries})
		if err != nil {
			b.Fatal(err)
		}
		defer r.Close()
		for b.Loop() {
			for i := range uint64(batch) {
				s := r.GetSQE()
				s.PrepNop()
				s.UserData = i
			}
			if _, errno := r.Enter(batch, -1, iouring.Raw); errno != 0 {
				b.Fatal(errno)
			}
			n := r.Ready()
			for i := range n {
				if r.CQEAt(i).Res != 0 {
					b.Fatal("a nop failed")
				}
			}
			r.AdvanceCQ(n)
		}
	})
	b.Run("giouring", func(b *testing.B) {
		r := giouring.NewRing()
		if err := r.QueueInit(entries, giouring.SetupCoopTaskrun|giouring.SetupSubmitAll); err != nil {
			b.Fatal(err)
		}
		defer r.QueueExit()
		cqes := make([]*giouring.CompletionQueueEvent, batch)
		for b.Loop() {
			for i := range uint64(batch) {
				s := r.GetSQE()
				s.PrepareNop()
				s.UserData = i
			}
			if _, err := r.SubmitAndWait(batch); err != nil {
				b.Fatal(err)
			}
			n := r.PeekBatchCQE(cqes)
			for _, c := range cqes[:n] {
				if c.Res != 0 {
					b.Fatal("a nop failed")
				}
			}
			r.CQAdvance(n)
		}
	})
}
