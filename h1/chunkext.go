package h1

import "github.com/uringserve/uringserve/app/field"

// extByte takes a byte of a chunk's extensions, which are checked, bounded and
// dropped. RFC 9112 §7.1.1:
//
//	chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )
//
// Stricter than that in one place: no space between the size and the first
// ";", which others take for a part of the size.
//
// A CR that is not in its place, or any LF, is refused: two recipients that
// saw the line end at different bytes would see different bodies.
func (d *Body) extByte(c byte) Reason {
	if c == '\r' {
		switch d.state {
		case chunkExtName, chunkExtValue, chunkExtClosed:
			d.state = chunkSizeLF
			return 0
		}
		return BadChunkExt
	}
	if c == '\n' {
		return BareLF
	}
	if d.extBytes++; d.extBytes > d.lim.ChunkExtBytes {
		return ChunkExtTooLong
	}
	next, ok := nextExtState(d.state, c)
	if !ok {
		return BadChunkExt
	}
	d.state = next
	return 0
}

// nextExtState is the state after c, which is neither CR nor LF.
func nextExtState(s bodyState, c byte) (bodyState, bool) {
	space := c == ' ' || c == '\t'
	switch s {
	case chunkExtBWS, chunkExtClosed:
		return afterExt(c, space)
	case chunkExtName0:
		if space {
			return chunkExtName0, true
		}
		return chunkExtName, field.IsToken(c)
	case chunkExtName:
		if field.IsToken(c) {
			return chunkExtName, true
		}
		return afterExtName(c, space)
	case chunkExtNameBWS:
		return afterExtName(c, space)
	case chunkExtValue0:
		switch {
		case space:
			return chunkExtValue0, true
		case c == '"':
			return chunkExtQuoted, true
		}
		return chunkExtValue, field.IsToken(c)
	case chunkExtValue:
		if field.IsToken(c) {
			return chunkExtValue, true
		}
		return afterExt(c, space)
	case chunkExtQuoted:
		switch c {
		case '"':
			return chunkExtClosed, true
		case '\\':
			return chunkExtEscape, true
		}
		return chunkExtQuoted, field.IsValue(c)
	case chunkExtEscape:
		return chunkExtQuoted, field.IsValue(c)
	}
	panic("BUG: h1: not an extension state")
}

// afterExt is the state after a byte that cannot go on with a value.
func afterExt(c byte, space bool) (bodyState, bool) {
	if space {
		return chunkExtBWS, true
	}
	return chunkExtName0, c == ';'
}

// afterExtName is the state after a byte that cannot go on with a name.
func afterExtName(c byte, space bool) (bodyState, bool) {
	switch {
	case space:
		return chunkExtNameBWS, true
	case c == '=':
		return chunkExtValue0, true
	}
	return chunkExtName0, c == ';'
}
