package epoll

import "github.com/uringserve/uringserve/ring/proactor"

// listener is a listening descriptor with an accept armed. Only then is it
// watched, by level: what is not accepted now is told again. There are as many
// as the engine has addresses.
type listener struct {
	fd int
	ud proactor.UserData // also the token
}

// acceptBatch bounds the connections taken from one listener in one Enter.
const acceptBatch = 64

// listen arms an accept.
func (p *Port) listen(fd int, ud proactor.UserData) {
	if ud.Op() != proactor.OpAccept {
		panic("BUG: epoll: an accept that is not called so")
	}
	if errno := p.calls.Watch(fd, Readable|Exclusive, uint64(ud)); errno != 0 {
		p.failed(ud, errno)
		return
	}
	p.listeners = append(p.listeners, listener{fd, ud})
}

// accept takes the connections that are queued.
func (p *Port) accept(ud proactor.UserData) {
	l := p.listening(ud)
	if l < 0 {
		return
	}
	for range acceptBatch {
		fd, errno := p.calls.Accept(p.listeners[l].fd)
		switch errno {
		case 0:
			p.post(ud, int32(fd), true)
		case proactor.EINTR:
		case proactor.EAGAIN:
			return
		default:
			p.unlisten(ud, errno)
			return
		}
	}
}

// unlisten ends an accept with errno. ENOENT: there is no such accept.
func (p *Port) unlisten(ud proactor.UserData, errno proactor.Errno) proactor.Errno {
	l := p.listening(ud)
	if l < 0 {
		return proactor.ENOENT
	}
	// It fails only if the descriptor is closed, and then has nothing to do.
	_ = p.calls.Unwatch(p.listeners[l].fd)
	p.listeners = append(p.listeners[:l], p.listeners[l+1:]...)
	p.failed(ud, errno)
	return 0
}

// listening is the place of the accept in listeners, -1 if there is none.
func (p *Port) listening(ud proactor.UserData) int {
	for i := range p.listeners {
		if p.listeners[i].ud == ud {
			return i
		}
	}
	return -1
}
