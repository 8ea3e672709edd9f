package mem

import (
	"github.com/uringserve/uringserve/ring/epoll"
	"github.com/uringserve/uringserve/ring/proactor"
)

// newReadiness makes the kernel of a loop in the style of readiness, and the
// Port over it.
func (e *Engine) newReadiness(index int) (proactor.Port, error) {
	o := &e.k.o
	reserve := o.Reserve
	if reserve == 0 {
		reserve = -1 // there 0 is the default, here it is none
	}
	c := newCalls(e.k, index)
	p, err := epoll.NewPort(c, epoll.Options{
		BufferSize: o.BufferSize, Provided: o.Provided, Reserve: reserve,
		ArenaBytes: arenaBytes, Queue: o.SQSize,
	})
	if err != nil {
		return nil, err
	}
	a := newAudit(c, p)
	e.loops = append(e.loops, a)
	return a, nil
}
