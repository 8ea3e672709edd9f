package tls

// Kind is what the first bytes of a connection look like.
type Kind uint8

const (
	// Undecided: more bytes are needed.
	Undecided Kind = iota
	// KindTLS: a TLS handshake record.
	KindTLS
	// KindSSL2: an SSL 2.0 ClientHello, which RFC 8446 appendix E.5 (and RFC
	// 6176) have refused.
	KindSSL2
	// KindHTTP: HTTP in cleartext, as far as can be told.
	KindHTTP
	// KindOther: neither.
	KindOther
)

var kinds = [...]string{"undecided", "TLS", "SSL 2.0", "HTTP", "other"}

// String is the kind in words.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return "unknown kind"
}

// recordHandshake and recordAlert are content types (RFC 8446 §5.1).
const (
	recordAlert     = 21
	recordHandshake = 22
)

// Classify tells from a connection's first bytes what the client speaks, on a
// port of either kind. b may be longer than needed; three bytes always do. It
// is pure.
func Classify(b []byte) Kind {
	if len(b) == 0 {
		return Undecided
	}
	switch first := b[0]; {
	case first == recordHandshake:
		return classifyTLS(b)
	case first >= 0x80:
		return classifySSL2(b)
	case isMethodByte(first), first == '\r', first == '\n':
		// RFC 9112 §2.2: empty lines before a request are ignored.
		return KindHTTP
	}
	return KindOther
}

// classifyTLS looks at ContentType(1) and ProtocolVersion(2), of which all
// versions so far begin with 3.
func classifyTLS(b []byte) Kind {
	if len(b) < 2 {
		return Undecided
	}
	if b[1] == 3 {
		return KindTLS
	}
	return KindOther
}

// classifySSL2 looks at a two-byte length with its top bit set, then
// msg_type 1, CLIENT-HELLO.
func classifySSL2(b []byte) Kind {
	if len(b) < 3 {
		return Undecided
	}
	if b[2] == 1 {
		return KindSSL2
	}
	return KindOther
}

// isMethodByte reports whether b can begin a method: a tchar (RFC 9110
// §5.6.2).
func isMethodByte(b byte) bool {
	switch {
	case 'A' <= b && b <= 'Z', 'a' <= b && b <= 'z', '0' <= b && b <= '9':
		return true
	}
	switch b {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	}
	return false
}
