package h2

// closedKept is how many closed streams a connection remembers.
const closedKept = 128

// closedStreams remember how the last streams came to be closed, in at most
// closedKept words. What is older than the oldest of them is forgotten.
type closedStreams struct {
	// Ids of clients are odd and below 2^31: shifted by one, with bit 1 of no
	// meaning, each leaves two bits for how.
	ring   []uint32
	next   int    // the oldest, once the ring is full
	oldest uint32 // the highest id that was forgotten
}

const (
	keptEnded       = 0
	keptResetByUs   = 1
	keptResetByPeer = 2
	keptMask        = 3
)

func keptID(id uint32) uint32 { return id << 1 &^ keptMask }

// add remembers that a stream was closed.
func (c *closedStreams) add(id uint32, s State) {
	word := keptID(id)
	switch s {
	case StateEnded:
		word |= keptEnded
	case StateResetByUs:
		word |= keptResetByUs
	case StateResetByPeer:
		word |= keptResetByPeer
	default:
		panic("BUG: h2: a stream is remembered as closed that is " + s.String())
	}
	if len(c.ring) < closedKept {
		c.ring = append(c.ring, word)
		return
	}
	c.oldest = max(c.oldest, c.ring[c.next]>>1|1)
	c.ring[c.next] = word
	c.next = (c.next + 1) % closedKept
}

// state is the state of a stream that is at most the highest opened, and not
// live. It looks through all that is kept: late frames are few, or budgeted.
func (c *closedStreams) state(id uint32) State {
	if i := c.find(id); i >= 0 {
		return [...]State{StateEnded, StateResetByUs, StateResetByPeer}[c.ring[i]&keptMask]
	}
	if id <= c.oldest {
		return StateForgotten
	}
	return StateSkipped
}

// reset remembers that we answered a stream that the peer had reset.
func (c *closedStreams) reset(id uint32) {
	if i := c.find(id); i >= 0 {
		c.ring[i] = keptID(id) | keptResetByUs
	}
}

func (c *closedStreams) find(id uint32) int {
	for i, word := range c.ring {
		if word&^keptMask == keptID(id) {
			return i
		}
	}
	return -1
}
