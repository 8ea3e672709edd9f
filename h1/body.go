package h1

import (
	"math"

	"github.com/uringserve/uringserve/app/field"
)

// A Body decodes the body of one request. The zero Body is done, as that of a
// request without one. It holds no part of the input but an unfinished line
// of trailers.
type Body struct {
	state    bodyState
	digits   uint8 // of the chunk size so far
	left     int64 // bytes to come: of the body, or of the chunk
	extBytes int   // of all chunk extensions so far
	offset   int   // bytes taken so far, framing included
	lim      *Limits
	trailer  *trailerSection // nil before the first trailer
	err      *Error          // of bodyFailed
}

// bodyState is what the next byte has to be.
//
//	chunked: ┌──────────────────────────────────────────────────────────┐
//	         ▼                                                          │
//	       size ─▶ (extension states, chunkext.go) ─▶ sizeLF ─▶ data ─▶ dataCR ─▶ dataLF
//	                                                    │ size was 0
//	                                                    ▼
//	                             line ◀─▶ trailer ─▶ endLF ─▶ done
type bodyState uint8

const (
	bodyDone    bodyState = iota // nothing more is taken
	bodySized                    // a byte of a body of known length
	bodyFailed                   // nothing is taken: err is the answer
	chunkSize                    // a digit, or what ends the size
	chunkExtBWS                  // space after a value, or ";"
	chunkExtName0
	chunkExtName
	chunkExtNameBWS // space after the name, "=" or ";"
	chunkExtValue0
	chunkExtValue
	chunkExtQuoted // inside of a quoted string
	chunkExtEscape // after a backslash in it
	chunkExtClosed // after the closing quote
	chunkSizeLF    // the LF of the chunk's first line
	chunkData
	chunkDataCR
	chunkDataLF
	trailerLine // the first byte of a trailer, or the CR of the last line
	trailerOpen // a byte of a trailer
	trailerLF   // the LF of the last line
)

const maxChunkDigits = 16

// Reset makes d ready for a body of that many bytes, -1 for a chunked one.
// Lim is used until the next Reset and must not change meanwhile.
func (d *Body) Reset(length int64, lim *Limits) {
	*d = Body{lim: lim}
	switch {
	case length > 0:
		d.state, d.left = bodySized, length
	case length == -1:
		d.state = chunkSize
	case length < -1:
		panic("BUG: h1: body of negative length")
	}
}

// Decode takes n bytes from the start of b, and answers those of them that
// are content: a view into b, maybe empty. Call again with b[n:] until n is 0
// or Done is true; n is 0 only if b is empty, the body is done, or on an
// error. Bytes after the body are not taken. After an error Decode answers it
// for ever.
func (d *Body) Decode(b []byte) (data []byte, n int, err *Error) {
	switch d.state {
	case bodyDone:
		return nil, 0, nil
	case bodyFailed:
		return nil, 0, d.err
	case bodySized:
		n = int(min(int64(len(b)), d.left))
		data = d.take(b[:n:n])
		if d.left == 0 {
			d.state = bodyDone
		}
	default:
		data, n, err = d.decodeChunked(b)
	}
	d.offset += n
	return data, n, err
}

// take counts data off what is left.
func (d *Body) take(data []byte) []byte {
	d.left -= int64(len(data))
	return data
}

// Done reports whether the body was decoded to its end, trailers included.
func (d *Body) Done() bool { return d.state == bodyDone }

// Remaining is how many bytes of content are still to come, -1 if that is not
// known.
func (d *Body) Remaining() int64 {
	switch d.state {
	case bodyDone:
		return 0
	case bodySized:
		return d.left
	}
	return -1
}

// Trailers are the fields after the body, copied: they stay valid after Reset.
// Nil if there are none, or before Done.
func (d *Body) Trailers() *field.Fields {
	if d.state != bodyDone || d.trailer == nil {
		return nil
	}
	return &d.trailer.fields
}

// fail makes r the answer, found at b[i] of the present call.
func (d *Body) fail(r Reason, i int) *Error { return d.failAt(r, d.offset+i) }

func (d *Body) failAt(r Reason, offset int) *Error {
	d.state, d.err = bodyFailed, refuse(r, offset)
	return d.err
}

// decodeChunked is Decode for the chunked coding (RFC 9112 §7.1).
func (d *Body) decodeChunked(b []byte) (data []byte, n int, err *Error) {
	for i := 0; i < len(b); i++ {
		c := b[i]
		var r Reason
		switch d.state {
		case chunkSize:
			r = d.sizeByte(c)
		case chunkSizeLF:
			r = d.expect(c, '\n', BareCR, d.afterSize())
		case chunkData:
			end := i + int(min(int64(len(b)-i), d.left))
			if data = d.take(b[i:end:end]); d.left == 0 {
				d.state = chunkDataCR
			}
			return data, end, nil
		case chunkDataCR:
			r = d.expect(c, '\r', BadChunkFraming, chunkDataLF)
		case chunkDataLF:
			d.digits = 0
			r = d.expect(c, '\n', BadChunkFraming, chunkSize)
		case trailerLine, trailerOpen:
			taken, err := d.trailerBytes(b[i:], d.offset+i)
			if err != nil {
				return nil, i, err
			}
			i += taken - 1
		case trailerLF:
			if r = d.expect(c, '\n', BareCR, bodyDone); r == 0 {
				return nil, i + 1, nil
			}
		default:
			r = d.extByte(c)
		}
		if r != 0 {
			return nil, i, d.fail(r, i)
		}
	}
	return nil, len(b), nil
}

// expect goes to next if c is want.
func (d *Body) expect(c, want byte, r Reason, next bodyState) Reason {
	if c != want {
		return r
	}
	d.state = next
	return 0
}

// afterSize is what follows the first line of a chunk.
func (d *Body) afterSize() bodyState {
	if d.left == 0 {
		return trailerLine
	}
	return chunkData
}

// sizeByte takes a byte of a chunk's size: 1 to 16 digits, and below 2^63 as
// every length here.
func (d *Body) sizeByte(c byte) Reason {
	if !field.IsHex(c) {
		switch {
		case d.digits == 0:
			return BadChunkSize
		case c == '\r':
			d.state = chunkSizeLF
			return 0
		case c == '\n':
			return BareLF
		case c == ';':
			d.state = chunkExtBWS
			return d.extByte(c)
		}
		return BadChunkSize
	}
	if d.digits == 0 {
		d.left = 0
	}
	if d.digits++; d.digits > maxChunkDigits || d.left > math.MaxInt64>>4 {
		return BadChunkSize
	}
	d.left = d.left<<4 | int64(unhex(c))
	return 0
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&7 + 9
}
