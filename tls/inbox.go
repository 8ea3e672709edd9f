package tls

import "github.com/valyala/bytebufferpool"

// maxCipherRecord is the largest record body that crypto/tls takes, in bytes
// (2^14 + 2048, RFC 5246 §6.2.3; RFC 8446 allows 256 only, which it checks).
const maxCipherRecord = maxPlainRecord + 2048

// MaxInput is how much ciphertext a Conn holds at most, in bytes. It leaves room
// for what an engine may deliver after receiving was paused (2 MiB) and what
// made the caller pause it.
const MaxInput = 3 << 20

// An inbox is the ciphertext that crypto/tls has not got: first kept, which is
// a copy, then lent, which is the caller's memory. crypto/tls gets one record at
// a time and only when it is whole, so that between calls
//
//   - it holds no ciphertext: five bytes of a peer that announce 16 KiB do not
//     make it allocate them;
//   - a would-block error meets it between two records.
type inbox struct {
	kept *bytebufferpool.ByteBuffer // nil: nothing
	pos  int                        // how much of kept is taken
	lent []byte
	due  int // bytes of the current record that crypto/tls has not got
}

// size is how many bytes there are.
func (in *inbox) size() int {
	n := len(in.lent)
	if in.kept != nil {
		n += len(in.kept.B) - in.pos
	}
	return n
}

// at is byte i of what there is; i < size().
func (in *inbox) at(i int) byte {
	if in.kept != nil {
		if n := len(in.kept.B) - in.pos; i >= n {
			i -= n
		} else {
			return in.kept.B[in.pos+i]
		}
	}
	return in.lent[i]
}

// whole reports whether crypto/tls can be given something it will not wait
// behind: the rest of a record, a whole one, or a header that it refuses.
func (in *inbox) whole() bool {
	if in.due > 0 {
		return true
	}
	n := in.size()
	if n < recordHeaderLen {
		return false
	}
	body := int(in.at(3))<<8 | int(in.at(4))
	return body > maxCipherRecord || n >= recordHeaderLen+body
}

// read moves bytes of the current record to p; whole() is true.
func (in *inbox) read(p []byte) int {
	if in.due == 0 {
		in.due = recordHeaderLen
		if body := int(in.at(3))<<8 | int(in.at(4)); body <= maxCipherRecord {
			in.due += body
		}
	}
	p = p[:min(len(p), in.due)]
	n := 0
	if in.kept != nil {
		n = copy(p, in.kept.B[in.pos:])
		in.pos += n
		if in.pos == len(in.kept.B) {
			in.drop()
		}
	}
	m := copy(p[n:], in.lent)
	in.lent = in.lent[m:]
	in.due -= n + m
	return n + m
}

// drain moves bytes to p, whatever records they are of; there are some, and
// nothing is lent.
func (in *inbox) drain(p []byte) int {
	n := copy(p, in.kept.B[in.pos:])
	if in.pos += n; in.pos == len(in.kept.B) {
		in.drop()
	}
	return n
}

// lend adds b, which stays the caller's until keep; nothing is lent.
func (in *inbox) lend(b []byte) { in.lent = b }

// keep copies what is lent.
func (in *inbox) keep() {
	if len(in.lent) == 0 {
		in.lent = nil
		return
	}
	switch k := in.kept; {
	case k == nil:
		in.kept, in.pos = getBuffer(), 0
	case in.pos > len(k.B)/2:
		// Only when it is cheap, seen over all the bytes.
		k.B = k.B[:copy(k.B, k.B[in.pos:])]
		in.pos = 0
	}
	in.kept.B = append(in.kept.B, in.lent...)
	in.lent = nil
}

// drop gives kept back.
func (in *inbox) drop() {
	if in.kept != nil {
		putBuffer(in.kept)
		in.kept, in.pos = nil, 0
	}
}

// clear forgets everything.
func (in *inbox) clear() {
	in.drop()
	in.lent, in.due = nil, 0
}
