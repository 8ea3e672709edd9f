package epoll

import (
	"fmt"

	"github.com/uringserve/uringserve/ring/proactor"
)

// descriptor is what the port knows of one connection's socket: 32 bytes, which
// is all that an idle connection costs here. It begins with the first operation
// that waits, when the socket is watched, and ends when it is closed.
//
// Receiving has two facts, which make four states. "Event" is one that has
// Readable, ReadEnded, Hangup or Error.
//
//	              Recv                           Recv
//	   idle ───────────────▶ armed     known ───────────────▶ ready
//	    │ ◀───────────────    │  ▲        ▲ ◀───────────────   │ │
//	    │      Cancel         │  │        │   Cancel, ENOBUFS, │ │
//	    │                     │  │        │   FIN, failure     │ │
//	    └─ event ─▶ known     │  └────────┼── drained ─────────┘ │
//	                          └── event ──┼───────▶ ready        │
//	                                      │          ▲           │
//	                                      │          └─ received ┘ more may be there
//
//	idle    nothing armed, nothing known to be there
//	armed   a receive waits for an event: the state of an idle connection
//	known   there may be something, and nobody wants it: receiving is paused,
//	        had no buffer, or is over. The fact stays, so that no edge is lost
//	ready   both: on Port.ready, received from once a round
//
// Drained is EAGAIN, or a receive of fewer bytes than there was room for: a
// stream socket hands out all that it has, so it was empty at that moment, and
// what comes later is a new edge. The one exception is what has been told
// already: a FIN, hang-up or error that came with the bytes (flagEnding) makes
// no second edge, so such a socket is received from until the end itself
// shows. (A stream also hands out less at an urgent mark, and a Unix socket
// before and after descriptors sent along. What is behind is received with the
// sender's next bytes: one that uses these oddities can keep itself waiting,
// and nobody else.)
//
// Hang-ups have one fact, which is remembered:
//
//	quiet ── Hangup or Error ──▶ hung up       a poll completes in hung up, at
//	                                           once if it is armed late
//
// Sending has no readiness. A send tries; only one that may wait and gets
// EAGAIN does, for Writable, which is watched from then on:
//
//	none ── Send, EAGAIN ──▶ waiting ── taken, failed, cancelled ──▶ none
//	                          │    ▲
//	                          └────┘ Writable, Hangup or Error: it tries again
type descriptor struct {
	recv       proactor.UserData // the armed receive; 0: none
	hangup     proactor.UserData // the armed poll; 0: none
	fd         int32
	generation uint32 // of the connection; makes the token
	send       int32  // the waiting send: index in Port.sends + 1; 0: none
	watched    Events // 0: no connection here
	flags      descFlags
}

type descFlags uint8

const (
	flagReadable descFlags = 1 << iota // known, or ready
	flagEnding                         // an end was told: receive until it shows
	flagHungUp                         // hung up
	flagListed                         // on Port.ready
)

func (d *descriptor) has(f descFlags) bool { return d.flags&f != 0 }

const (
	chunkBits = 6
	chunkSize = 1 << chunkBits
)

// table holds the descriptors of a loop by the slot that UserData names: that
// is dense in every loop, where the numbers of descriptors are the process's,
// and a table by those would be as long as all loops' together, in each. It
// grows by chunks, so that a descriptor stays where it is, and does not shrink.
type table []*[chunkSize]descriptor

// find is the descriptor of a slot, nil if there was never one.
func (t table) find(slot uint32) *descriptor {
	if int(slot>>chunkBits) >= len(t) {
		return nil
	}
	c := t[slot>>chunkBits]
	if c == nil {
		return nil
	}
	return &c[slot&(chunkSize-1)]
}

// at is find that makes room.
func (t *table) at(slot uint32) *descriptor {
	for int(slot>>chunkBits) >= len(*t) {
		*t = append(*t, nil)
	}
	c := &(*t)[slot>>chunkBits]
	if *c == nil {
		*c = new([chunkSize]descriptor)
	}
	return &(*c)[slot&(chunkSize-1)]
}

// interest is what every connection is watched for, from the first.
const interest = Readable | ReadEnded | Edge

// tokenOf names a connection in its events: slot and generation, as UserData
// does. A listener's token is the UserData of its accept.
func tokenOf(ud proactor.UserData) uint64 {
	return uint64(proactor.MakeUserData(proactor.OpRecv, 0, ud.Generation(), ud.Slot()))
}

// watch has fd watched for more, besides what it is watched for already.
func (p *Port) watch(fd int, ud proactor.UserData, more Events) (*descriptor, proactor.Errno) {
	d := p.table.at(ud.Slot())
	if d.watched != 0 && (int(d.fd) != fd || d.generation != ud.Generation()) {
		panic(fmt.Sprintf("BUG: epoll: slot %d has descriptor %d, and now %d", ud.Slot(), d.fd, fd))
	}
	want := d.watched | interest | more
	if want == d.watched {
		return d, 0
	}
	if errno := p.calls.Watch(fd, want, tokenOf(ud)); errno != 0 {
		return d, errno
	}
	d.fd, d.generation, d.watched = int32(fd), ud.Generation(), want
	return d, 0
}

// named is the descriptor of the connection that ud names, nil if there is
// none, or no longer.
func (p *Port) named(ud proactor.UserData) *descriptor {
	d := p.table.find(ud.Slot())
	if d == nil || d.watched == 0 || d.generation != ud.Generation() && !faultToken {
		return nil
	}
	return d
}

// forget ends a descriptor. What still names it finds nothing.
func (p *Port) forget(d *descriptor) {
	if d.send != 0 {
		p.dropSend(d)
	}
	// The place on Port.ready stays, and is skipped.
	*d = descriptor{flags: d.flags & flagListed}
}
