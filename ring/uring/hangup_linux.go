package uring

import (
	"golang.org/x/sys/unix"

	"github.com/uringserve/uringserve/ring/iouring"
	"github.com/uringserve/uringserve/ring/proactor"
)

// hangup is a PollHangup in flight. The kernel adds POLLRDHUP to what a poll
// waits for, so it completes for a lone FIN; a multishot poll goes on then,
// and is cancelled by us when it has seen what we want.
//
//	watching ──POLLHUP|POLLERR, goes on──▶ hung ──its end──▶ shown
//	    │ └────POLLHUP|POLLERR, at its end──────────────────▶ shown
//	    └──────ended with a lone FIN (queue was full)────────▶ armed anew
type hangup struct {
	fd  int
	res int32 // events that were seen; 0 while watching
}

const hungUp = unix.POLLHUP | unix.POLLERR | unix.POLLNVAL

// PollHangup implements proactor.Port.
func (p *Port) PollHangup(fd int, ud proactor.UserData) {
	p.sqe(ud).PrepPollMultishot(fd, 0)
	p.hangups[ud] = hangup{fd: fd}
}

// polled turns a completion of the kernel's into one of PollHangup's; false if
// it is not one.
func (p *Port) polled(cqe iouring.CQE) (proactor.Completion, bool) {
	ud := proactor.UserData(cqe.UserData)
	h, ok := p.hangups[ud]
	if !ok {
		panic("BUG: uring: completion of a poll that is not in flight")
	}
	hung := cqe.Res > 0 && cqe.Res&hungUp != 0
	switch {
	case cqe.More() && hung && h.res == 0:
		h.res = cqe.Res
		p.hangups[ud] = h
		p.pollWork = append(p.pollWork, ud)
		return proactor.Completion{}, false
	case cqe.More():
		return proactor.Completion{}, false
	case h.res != 0:
		cqe.Res = h.res
	case cqe.Res >= 0 && !hung:
		p.pollWork = append(p.pollWork, ud)
		return proactor.Completion{}, false
	}
	delete(p.hangups, ud)
	return proactor.Completion{UserData: ud, Res: cqe.Res}, true
}

// queuePollWork queues what polled left to do, as far as there is space.
func (p *Port) queuePollWork() {
	for len(p.pollWork) > 0 {
		last := len(p.pollWork) - 1
		ud := p.pollWork[last]
		h, ok := p.hangups[ud]
		if ok {
			sqe := p.ring.GetSQE()
			if sqe == nil {
				return
			}
			if h.res == 0 {
				sqe.PrepPollMultishot(h.fd, 0)
				sqe.UserData = uint64(ud)
			} else {
				sqe.PrepCancel(uint64(ud))
				sqe.UserData = portUserData
			}
		}
		p.pollWork = p.pollWork[:last]
	}
}

// portUserData marks the port's own operations, whose completions are not
// shown. No proactor.Op has this number.
const portUserData = ^uint64(0)
