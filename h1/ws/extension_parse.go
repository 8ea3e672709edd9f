package ws

// An extensionParser reads the value of a Sec-WebSocket-Extensions field (RFC
// 6455 §9.1):
//
//	list      = #( token *( ";" parameter ) )
//	parameter = token [ "=" ( token / quoted-string ) ]
//
// where white space may be around everything, list elements may be empty (RFC
// 9110 §5.6.1), and what is quoted must be a token, too.
type extensionParser struct {
	rest  []byte
	bad   bool
	value []byte // of a parameter, as far as it had to be copied
}

// next goes to the next element; false: there is none, or it is bad.
func (p *extensionParser) next() bool {
	for !p.bad && (p.space() || p.take(',')) {
	}
	return !p.bad && len(p.rest) > 0
}

// offer reads an element. valid: it is an offer of permessage-deflate without
// anything wrong.
func (p *extensionParser) offer() (o offer, valid bool) {
	name := p.token()
	valid = string(name) == deflateName
	for p.space(); p.take(';'); p.space() {
		p.space()
		name := p.token()
		p.space()
		var value []byte
		hasValue := p.take('=')
		if hasValue {
			p.space()
			value = p.tokenOrQuoted()
		}
		valid = valid && o.parameter(name, value, hasValue)
	}
	if p.space(); len(p.rest) > 0 && p.rest[0] != ',' {
		p.bad = true
	}
	return o, valid && !p.bad
}

// take takes the octet c, if it is the next.
func (p *extensionParser) take(c byte) bool {
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// space takes white space, and reports whether there was any.
func (p *extensionParser) space() bool {
	found := false
	for p.take(' ') || p.take('\t') {
		found = true
	}
	return found
}

// token takes a token; there must be one.
func (p *extensionParser) token() []byte {
	n := 0
	for n < len(p.rest) && tokenOctet(p.rest[n]) {
		n++
	}
	token := p.rest[:n]
	p.rest = p.rest[n:]
	p.bad = p.bad || n == 0
	return token
}

// tokenOrQuoted takes a token, or one in quotes. The answer is valid until the
// next call.
func (p *extensionParser) tokenOrQuoted() []byte {
	if !p.take('"') {
		return p.token()
	}
	p.value = p.value[:0]
	for len(p.rest) > 0 && p.rest[0] != '"' {
		p.take('\\')
		// RFC 6455 §9.1: after unescaping, it MUST conform to token.
		if len(p.rest) == 0 || !tokenOctet(p.rest[0]) {
			p.bad = true
			return nil
		}
		p.value = append(p.value, p.rest[0])
		p.rest = p.rest[1:]
	}
	if !p.take('"') || len(p.value) == 0 {
		p.bad = true
	}
	return p.value
}

// tokenOctet: RFC 9110 §5.6.2.
func tokenOctet(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	switch c {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	}
	return false
}
