package h1

import (
	"math"
	"strconv"
)

// AppendUnread appends to dst the chunked coding of what d has decoded and
// nobody has read: data is that content, untouched says that nothing of the body
// has been read, nor its end. The bytes that d has not taken go on behind it: d is
// in the midst of some chunk, or of its size. So whoever takes over can decode the
// rest, in chunks of other sizes than it came in, and without their extensions.
// After an error only data is left.
//
// In one case what is appended does not begin a chunk: if there is no data, and d
// stands between a chunk and the line end behind it.
func (d *Body) AppendUnread(dst, data []byte, untouched bool) []byte {
	switch d.state {
	case bodyDone:
		if len(data) > 0 || untouched {
			dst = AppendChunk(dst, data)
			dst, _ = AppendLastChunk(dst, d.Trailers()) // they were judged when they came
		}
		return dst
	case chunkData:
		if d.left > math.MaxInt64-int64(len(data)) {
			dst, data = AppendChunk(dst, data), nil
		}
		dst = appendSize(dst, int64(len(data))+d.left, 0)
		dst = append(dst, crlf...)
		return append(dst, data...)
	case chunkDataCR, chunkDataLF:
		if len(data) > 0 {
			dst = AppendChunk(dst, data)
			dst = dst[:len(dst)-len(crlf)]
		}
		if d.state == chunkDataLF {
			dst = append(dst, '\r')
		}
		return dst
	}
	return d.appendLine(AppendChunk(dst, data))
}

// appendLine appends what d has taken of a line between chunks, or of the
// trailers.
func (d *Body) appendLine(dst []byte) []byte {
	switch d.state {
	case bodyFailed, bodySized:
		return dst
	case trailerLine, trailerOpen, trailerLF:
		return d.appendTrailers(append(dst, "0\r\n"...))
	}
	if d.digits > 0 {
		dst = appendSize(dst, d.left, int(d.digits))
	}
	return append(dst, extensionSoFar[d.state]...)
}

// extensionSoFar stands for what was dropped of a chunk's first line: bytes that
// have the same state follow.
var extensionSoFar = [...]string{
	chunkExtBWS:     ";x=y ",
	chunkExtName0:   ";",
	chunkExtName:    ";x",
	chunkExtNameBWS: ";x ",
	chunkExtValue0:  ";x=",
	chunkExtValue:   ";x=y",
	chunkExtQuoted:  `;x="`,
	chunkExtEscape:  `;x="\`,
	chunkExtClosed:  `;x=""`,
	chunkSizeLF:     "\r",
}

// appendTrailers appends the trailers so far, the last of them maybe in part.
func (d *Body) appendTrailers(dst []byte) []byte {
	if t := d.trailer; t != nil {
		for i := range t.fields.Len() {
			dst = appendField(dst, t.fields.Line(i))
		}
		dst = append(dst, t.line...)
	}
	if d.state == trailerLF {
		dst = append(dst, '\r')
	}
	return dst
}

// appendSize appends n in hexadecimal, with zeros in front up to that many
// digits.
func appendSize(dst []byte, n int64, digits int) []byte {
	var room [maxChunkDigits]byte
	text := strconv.AppendInt(room[:0], n, 16)
	for range digits - len(text) {
		dst = append(dst, '0')
	}
	return append(dst, text...)
}
