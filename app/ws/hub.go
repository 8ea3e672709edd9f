package ws

import (
	"errors"
	"sync"
	"sync/atomic"

	wire "github.com/uringserve/uringserve/h1/ws"
)

// Prepared is a message that is encoded once, for any number of connections. It
// is immutable and safe for concurrent use.
type Prepared = wire.Prepared

// Prepare encodes a message. p is copied. It panics if kind is neither Text nor
// Binary.
func Prepare(kind Kind, p []byte) *Prepared {
	if kind != Text && kind != Binary {
		panic("ws: a message is text or binary")
	}
	return wire.Prepare(kind, p)
}

// A Hub has members, and sends the same message to all of them: encoded once,
// and without waiting for any. A member for whom more than its Upgrader's
// MaxUnsent would wait misses the message, or is closed, as Slow says; one that
// has ended is forgotten. The zero Hub is ready. It is safe for concurrent use,
// and must not be copied.
type Hub struct {
	// Slow is what becomes of slow members: SlowClose closes them, all else
	// has them miss messages. It must not be changed once there are members.
	Slow SlowPolicy

	mu      sync.RWMutex
	members []*Conn       // guarded by mu
	places  map[*Conn]int // guarded by mu; where in members

	broadcasts, sent, dropped, closed, gone atomic.Uint64
}

// HubStats are a Hub's counters. Members is a gauge, all else only grows.
type HubStats struct {
	Members    int
	Broadcasts uint64 // calls of Broadcast and BroadcastPrepared
	Sent       uint64 // messages given to members
	Dropped    uint64 // messages that slow members missed
	Closed     uint64 // members closed because they were slow
	Gone       uint64 // members forgotten because they had ended
}

// Join makes c a member, once, however often it is called. In Handler.Open, as
// a rule.
func (h *Hub) Join(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, there := h.places[c]; there {
		return
	}
	if h.places == nil {
		h.places = map[*Conn]int{}
	}
	h.places[c] = len(h.members)
	h.members = append(h.members, c)
}

// Leave forgets c, and reports whether it was a member. In Handler.Close, as a
// rule.
func (h *Hub) Leave(c *Conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, there := h.places[c]
	if !there {
		return false
	}
	last := len(h.members) - 1
	h.members[i] = h.members[last]
	h.places[h.members[i]] = i
	h.members[last] = nil
	h.members = h.members[:last]
	delete(h.places, c)
	return true
}

// Len is the number of members.
func (h *Hub) Len() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.members)
}

// Broadcast sends a message to all members, and returns how many took it. It
// never waits for a peer. Each member gets the messages of one caller in their
// order.
func (h *Hub) Broadcast(kind Kind, p []byte) (sent int) {
	return h.BroadcastPrepared(Prepare(kind, p))
}

// BroadcastPrepared is Broadcast of a message that is encoded.
func (h *Hub) BroadcastPrepared(m *Prepared) (sent int) {
	var ended []*Conn
	dropped, closed := 0, 0
	policy := SlowDrop
	if h.Slow == SlowClose {
		policy = SlowClose
	}
	h.mu.RLock()
	for _, c := range h.members {
		switch err := c.session.SendPrepared(m, policy); {
		case err == nil:
			sent++
		case !errors.Is(err, ErrSlow):
			ended = append(ended, c)
		case policy == SlowClose:
			closed++
			ended = append(ended, c)
		default:
			dropped++
		}
	}
	h.mu.RUnlock()
	for _, c := range ended {
		h.Leave(c)
	}
	h.broadcasts.Add(1)
	h.sent.Add(uint64(sent))
	h.dropped.Add(uint64(dropped))
	h.closed.Add(uint64(closed))
	h.gone.Add(uint64(len(ended) - closed))
	return sent
}

// CloseAll closes all members. They leave.
func (h *Hub) CloseAll(code CloseCode, reason string) {
	h.mu.Lock()
	members := h.members
	h.members, h.places = nil, nil
	h.mu.Unlock()
	for _, c := range members {
		_ = c.Close(code, reason) // one that has ended is closed already
	}
}

// Stats reads the counters.
func (h *Hub) Stats() HubStats {
	return HubStats{h.Len(), h.broadcasts.Load(), h.sent.Load(), h.dropped.Load(), h.closed.Load(), h.gone.Load()}
}
