package h1

import (
	"bytes"

	"github.com/uringserve/uringserve/app/field"
)

// trailerSection is the trailers of one body, while and after they come. It is
// made for the first of them only, as few bodies have any.
type trailerSection struct {
	fields field.Fields // copies
	line   []byte       // the line that is not complete yet
	bytes  int          // of all lines so far, at most Limits.HeadBytes
	start  int          // offset of the section
}

// trailerBytes takes bytes of one line of the trailer section from the start
// of b, which is not empty and lies at offset, and answers how many.
func (d *Body) trailerBytes(b []byte, offset int) (int, *Error) {
	if d.state == trailerLine {
		if b[0] == '\r' {
			d.state = trailerLF
			return 1, nil
		}
		d.state = trailerOpen
		if d.trailer == nil {
			d.trailer = &trailerSection{start: offset}
		}
	}
	t := d.trailer
	lf := bytes.IndexByte(b, '\n')
	if lf >= 0 {
		b = b[:lf+1]
	}
	if t.bytes += len(b); t.bytes > d.lim.HeadBytes {
		return 0, d.failAt(HeadTooLarge, t.start+d.lim.HeadBytes)
	}
	line := b
	if lf < 0 || len(t.line) > 0 {
		t.line = append(t.line, b...)
		line = t.line
	}
	if lf < 0 {
		return len(b), nil
	}
	if r, at := t.add(line, d.lim); r != 0 {
		return 0, d.failAt(r, offset+len(b)-len(line)+at)
	}
	t.line = t.line[:0]
	d.state = trailerLine
	return len(b), nil
}

// add adds a line, given with its LF, to the trailers.
func (t *trailerSection) add(line []byte, lim *Limits) (Reason, int) {
	if t.fields.Len() >= lim.FieldCount {
		return TooManyFields, 0
	}
	name, value, r, at := splitField(line)
	if r != 0 {
		return r, at
	}
	if !field.AllowedTrailer(name) {
		return BadTrailer, 0
	}
	t.fields.AddCopy(name, value)
	return 0, 0
}
