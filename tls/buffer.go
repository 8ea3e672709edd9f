package tls

import "github.com/valyala/bytebufferpool"

// maxPooled is the largest buffer given back to the pool, in bytes: what one
// large exchange needed must not stay for ever.
const maxPooled = 128 << 10

// getBuffer and putBuffer are the only users of bytebufferpool here.
func getBuffer() *bytebufferpool.ByteBuffer { return bytebufferpool.Get() }

func putBuffer(b *bytebufferpool.ByteBuffer) {
	if cap(b.B) > maxPooled {
		return
	}
	if invariants {
		poison(b.B[:cap(b.B)])
	}
	bytebufferpool.Put(b)
}

// poison makes memory that is given back unlike anything in use.
func poison(b []byte) {
	for i := range b {
		b[i] = 0xdb
	}
}
