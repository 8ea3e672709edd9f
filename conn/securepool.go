package conn

// What connections with TLS of a loop share. On loop.
type secureShare struct {
	records []byte // ciphertext on its way to the engine; at most maxRecords is kept
	small   []*plainBuf
	large   []*plainBuf
	leased  int // plainBufs out
}

// A plainBuf is memory for decrypted bytes, that is leased to conn as a
// ring.Buf: held while a handler looks at what lies in it, as an engine's
// buffers are.
type plainBuf struct {
	share  *secureShare
	memory []byte
	free   bool
}

const (
	smallPlain = 4 << 10  // bytes: most requests
	largePlain = 16 << 10 // bytes: a record (RFC 8446 §5.1)

	// How many of them wait for use, per loop: 256 KiB of each.
	maxSmallPlain = 64
	maxLargePlain = 16

	maxRecords = 80 << 10 // bytes: those of one Send, as a rule
)

// take gives memory for what n bytes of ciphertext decrypt to, or some of it.
func (h *secureShare) take(n int) *plainBuf {
	h.leased++
	list, size := &h.small, smallPlain
	if n > smallPlain {
		list, size = &h.large, largePlain
	}
	last := len(*list) - 1
	if last < 0 {
		return &plainBuf{share: h, memory: make([]byte, size)}
	}
	b := (*list)[last]
	(*list)[last] = nil
	*list = (*list)[:last]
	b.free = false
	return b
}

// give takes it back.
func (h *secureShare) give(b *plainBuf) {
	if b.free {
		panic("BUG: plaintext released twice")
	}
	b.free = true
	h.leased--
	if invariants {
		poisonBytes(b.memory)
	}
	list, most := &h.small, maxSmallPlain
	if len(b.memory) > smallPlain {
		list, most = &h.large, maxLargePlain
	}
	if len(*list) < most {
		*list = append(*list, b)
	}
}

// ReleaseBuf is ring.BufHome's.
func (b *plainBuf) ReleaseBuf(uint32) { b.share.give(b) }

// keepRecords keeps the memory of b for the next records.
func (h *secureShare) keepRecords(b []byte) {
	if cap(b) > cap(h.records) && cap(b) <= maxRecords {
		h.records = b[:0]
	}
}

// shrink gives back what a busy time has left.
func (h *secureShare) shrink() { h.small, h.large, h.records = nil, nil, nil }
