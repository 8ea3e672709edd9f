package ring

// Buf is a lease on received bytes. It is released exactly once, on loop; the
// bytes must not be touched afterwards: they are the kernel's again.
//
// A Buf is a value. Copies share the one lease.
type Buf struct {
	b    []byte
	home BufHome
	id   uint32
}

// BufHome is where an engine takes buffers back.
type BufHome interface {
	// ReleaseBuf takes back the buffer of that id. On loop.
	ReleaseBuf(id uint32)
}

// NewBuf makes a lease on b; home gets id back at Release. For engines.
func NewBuf(b []byte, home BufHome, id uint32) Buf {
	return Buf{b: b, home: home, id: id}
}

// Bytes are the leased bytes, valid until Release.
func (b Buf) Bytes() []byte { return b.b }

// Held reports whether b is a lease; the zero Buf is not.
func (b Buf) Held() bool { return b.home != nil }

// Release ends the lease. On loop, exactly once.
func (b Buf) Release() { b.home.ReleaseBuf(b.id) }
