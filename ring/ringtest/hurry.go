package ringtest

import "github.com/uringserve/uringserve/ring"

// Hurry has an engine tell soon of sends that are over. Engines may put Sent
// off until their loop has something else to do; with posts there is. One per
// loop, on loop.
type Hurry struct {
	Loop  ring.Loop
	node  ring.PostNode
	turns int
}

// Now is called after a Send whose Sent is waited for: one turn sends, one
// tells.
func (h *Hurry) Now() {
	h.turns = 2
	h.Loop.Post(h)
}

// PostNode implements ring.Posted.
func (h *Hurry) PostNode() *ring.PostNode { return &h.node }

// OnLoop implements ring.Posted.
func (h *Hurry) OnLoop() {
	if h.turns--; h.turns > 0 {
		h.Loop.Post(h)
	}
}
