package conn

import "sync/atomic"

// hijackers are the keys of routes (routeKey) that were seen to hijack: one time
// is enough. The table is fixed; a key may displace another, which is then
// learned again. The zero value is empty. Safe for concurrent use.
type hijackers [hijackerKeys]atomic.Uint64

const hijackerKeys = 256

func (h *hijackers) slot(key uint64) *atomic.Uint64 {
	return &h[key*0x9e3779b97f4a7c15>>56]
}

// know reports whether handlers of key hijack.
func (h *hijackers) know(key uint64) bool { return h.slot(key).Load() == key }

// teach takes note that one did.
func (h *hijackers) teach(key uint64) {
	if s := h.slot(key); s.Load() != key {
		s.Store(key)
	}
}
