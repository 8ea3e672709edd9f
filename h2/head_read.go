package h2

import (
	"math"

	"github.com/uringserve/uringserve/app/field"
	"github.com/uringserve/uringserve/h2/hpack"
)

// headReader judges the fields of one block as they are decoded, and collects
// them (RFC 9113 §8.2, §8.3).
type headReader struct {
	head   Head
	cookie []byte // crumbs so far, joined
	seen
}

// seen is what a block was found to be so far.
type seen struct {
	trailers bool // the block is one of trailers
	connect  bool // Config.ConnectProtocol
	regular  bool // a field that is no pseudo-header field came
	expect   bool
	signaled bool // there is a Priority field
	pseudo   uint8
	reason   Reason
	refusal  Reason // what to answer, if it is not malformed
	priority priority
	target   int // Limits.TargetBytes
	host     []byte
	hosts    int
	hostFine bool // :authority is a validHost
	lengths  int
	length   int64
	cookies  int
}

// The pseudo-header fields of requests.
const (
	pseudoMethod = 1 << iota
	pseudoScheme
	pseudoAuthority
	pseudoPath
	pseudoProtocol
)

// reset makes r ready for another block.
func (r *headReader) reset(trailers bool, cfg *Config) {
	r.head.Reset()
	if r.cookie = r.cookie[:0]; cap(r.cookie) > maxKeptHead {
		r.cookie = nil
	}
	r.seen = seen{trailers: trailers, connect: cfg.ConnectProtocol, target: cfg.Limits.TargetBytes}
}

// What is known of a field by itself, apart from its block: the Tag of its entry
// in the decoder's table, so that it is found out once for each entry.
const (
	tagUnjudged = iota // nothing
	tagFine            // judgeField has nothing against it
	tagPlain           // nor do its name and place mean anything to a headReader
	tagHost            // fine, an :authority, and validHost
)

// staticTags are the tags of the static table's entries.
var staticTags = func() (t [hpack.StaticLen + 1]uint8) {
	for i := 1; i < len(t); i++ {
		f := hpack.Static(i)
		t[i] = tagOf(f.Name, f.Value)
	}
	return t
}()

// tagOf is the tag of a field that judgeField has nothing against.
func tagOf(name, value []byte) uint8 {
	if string(name) == ":authority" && validHost(value) {
		return tagHost
	}
	if name[0] == ':' || connectionSpecific(name) {
		return tagFine
	}
	switch string(name) {
	case "te", "host", "cookie", "expect", "priority", "content-length":
		return tagFine
	}
	return tagPlain
}

// field takes the next field, which came from dec. After the first that is
// malformed none counts.
func (r *headReader) field(dec *hpack.Decoder, f *hpack.Field) {
	if r.reason != 0 {
		return
	}
	tag := f.Tag
	if tag >= hpack.StaticTag {
		if r.staticPseudo(tag - hpack.StaticTag) {
			return
		}
		tag = staticTags[tag-hpack.StaticTag]
	}
	if tag == tagUnjudged {
		if r.reason = judgeField(f.Name, f.Value); r.reason != 0 {
			return
		}
		tag = tagOf(f.Name, f.Value)
		dec.SetTag(tag)
	}
	r.hostFine = r.hostFine || tag == tagHost
	if tag == tagPlain && !r.trailers {
		r.regular = true
		r.head.Fields.AddCopy(f.Name, f.Value)
		return
	}
	r.judged(f.Name, f.Value)
}

// staticPseudos are the pseudo-header fields of the static table of which there is
// nothing to be found out, by index.
var staticPseudos = [...]struct {
	bit            uint8
	method, scheme string
}{
	2: {bit: pseudoMethod, method: "GET"},
	3: {bit: pseudoMethod, method: "POST"},
	6: {bit: pseudoScheme, scheme: "http"},
	7: {bit: pseudoScheme, scheme: "https"},
}

// staticPseudo takes entry i of the static table if it is one of those, and may
// stand where it does; pseudoField says what is wrong if not.
func (r *headReader) staticPseudo(i uint8) (taken bool) {
	if int(i) >= len(staticPseudos) || r.regular || r.trailers {
		return false
	}
	p := &staticPseudos[i]
	if p.bit == 0 || r.pseudo&p.bit != 0 {
		return false
	}
	r.pseudo |= p.bit
	if p.bit == pseudoMethod {
		r.head.Method = p.method
	} else {
		r.head.Scheme = p.scheme
	}
	return true
}

// judged takes a field that judgeField has nothing against.
func (r *headReader) judged(name, value []byte) {
	if name[0] == ':' {
		r.reason = r.pseudoField(name, value)
		return
	}
	r.regular = true
	if r.trailers {
		if !field.AllowedTrailer(name) { // RFC 9110 §6.5.1
			r.reason = BadTrailer
			return
		}
		r.head.Fields.AddCopy(name, value)
		return
	}
	keep, reason := r.regularField(name, value)
	r.reason = reason
	if keep {
		r.head.Fields.AddCopy(name, value)
	}
}

// judgeField: RFC 9113 §8.2.1. Names are tokens besides, and values have no
// control octet but tab (RFC 9110 §5.1, §5.5).
func judgeField(name, value []byte) Reason {
	rest := name
	if len(rest) > 0 && rest[0] == ':' {
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return BadFieldName
	}
	for _, c := range rest {
		if nameClass[c] != nameFine {
			return nameReason(c)
		}
	}
	if n := len(value); n > 0 && (value[0] <= ' ' || value[n-1] <= ' ') || field.ScanValue(value, 0) < n {
		return BadFieldValue
	}
	return 0
}

// nameClass tells the octets of field names from others.
var nameClass = func() (t [256]uint8) {
	for c := range t {
		if field.IsToken(byte(c)) && (c < 'A' || c > 'Z') {
			t[c] = nameFine
		}
	}
	return t
}()

const nameFine = 1

func nameReason(c byte) Reason {
	if c >= 'A' && c <= 'Z' {
		return UppercaseName
	}
	return BadFieldName
}

// pseudoField takes a pseudo-header field (RFC 9113 §8.3.1, RFC 8441 §4).
func (r *headReader) pseudoField(name, value []byte) Reason {
	if r.regular || r.trailers {
		return MisplacedPseudo
	}
	bit, h := uint8(0), &r.head
	var to *[]byte
	switch string(name) {
	case ":method":
		bit = pseudoMethod
		if !field.ValidName(value) { // a token, too
			return BadMethod
		}
		h.Method = field.Method(value)
	case ":scheme":
		bit = pseudoScheme
		h.Scheme = r.scheme(value)
	case ":authority":
		bit, to = pseudoAuthority, &h.Host
	case ":path":
		bit, to = pseudoPath, &h.Target
		if len(value) > r.target {
			r.refuse(TargetTooLong)
			to = nil
		}
	case ":protocol":
		if !r.connect {
			return UnknownPseudo
		}
		bit, to = pseudoProtocol, &h.Protocol
		if !field.ValidName(value) {
			return UnexpectedPseudo
		}
	default:
		return UnknownPseudo
	}
	if r.pseudo&bit != 0 {
		return DuplicatePseudo
	}
	r.pseudo |= bit
	if to != nil {
		*to = h.Fields.Keep(value)
	}
	return 0
}

// scheme is one of the two that HTTP has; others are refused.
func (r *headReader) scheme(value []byte) string {
	switch {
	case field.EqualFold(value, "https"):
		return "https"
	case !field.EqualFold(value, "http"):
		r.refuse(BadScheme)
	}
	return "http"
}

// refuse notes what to answer: what was found first.
func (r *headReader) refuse(reason Reason) {
	if r.refusal == 0 {
		r.refusal = reason
	}
}

// regularField takes a field that is none of the above; keep: it becomes one
// of Fields.
func (r *headReader) regularField(name, value []byte) (keep bool, reason Reason) {
	switch len(name) {
	case 2:
		// RFC 9113 §8.2.2: TE MUST NOT contain any value other than "trailers".
		if string(name) == "te" && !field.EqualFold(value, "trailers") {
			return false, BadTE
		}
	case 4:
		if string(name) == "host" {
			r.hosts++
			r.host = r.head.Fields.Keep(value)
		}
	case 6:
		if string(name) == "cookie" {
			r.crumb(value)
			return false, 0
		}
		if string(name) == "expect" {
			r.expect = true
			if !field.EqualFold(value, "100-continue") {
				r.refuse(UnknownExpectation) // RFC 9110 §10.1.1
			}
		}
	case 8:
		if string(name) == "priority" {
			r.priority, r.signaled = parsePriority(value), true
		}
	case 14:
		if string(name) == "content-length" {
			n, ok := parseLength(value)
			if !ok {
				return false, BadContentLength
			}
			r.length = n
			r.lengths++
		}
	case 7, 10, 16, 17:
		if connectionSpecific(name) {
			return false, ConnectionField
		}
	}
	return true, 0
}

// connectionSpecific: RFC 9113 §8.2.2.
func connectionSpecific(name []byte) bool {
	switch string(name) {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return true
	}
	return false
}

// crumb takes a cookie field: they MUST be concatenated into one before they
// are passed on (RFC 9113 §8.2.3).
func (r *headReader) crumb(value []byte) {
	if r.cookies > 0 {
		r.cookie = append(r.cookie, "; "...)
	}
	r.cookies++
	r.cookie = append(r.cookie, value...)
}

// parseLength parses 1*DIGIT below 2^63 (RFC 9110 §8.6).
func parseLength(b []byte) (n int64, ok bool) {
	for _, c := range b {
		digit := int64(c) - '0'
		if digit < 0 || digit > 9 || n > (math.MaxInt64-digit)/10 {
			return 0, false
		}
		n = n*10 + digit
	}
	return n, len(b) > 0
}

var cookieName = []byte("cookie")

// conclude judges the head as a whole, and derives what it means; end: the
// request has no body.
func (r *headReader) conclude(end bool) Reason {
	if r.reason != 0 {
		return r.reason
	}
	if reason := r.judgePseudo(); reason != 0 {
		return reason
	}
	if reason := r.judgeHost(); reason != 0 {
		return reason
	}
	if reason := r.judgeLength(end); reason != 0 {
		return reason
	}
	r.head.Expect100 = r.expect && !end
	if r.cookies > 0 {
		r.head.Fields.AddCopy(cookieName, r.cookie)
	}
	if r.pseudo&pseudoPath != 0 {
		return r.judgePath()
	}
	r.head.Target = r.head.Host
	return 0
}

// judgePseudo: which pseudo-header fields there must be, and may not (RFC 9113
// §8.3.1, §8.5, RFC 8441 §4).
func (r *headReader) judgePseudo() Reason {
	need := uint8(pseudoMethod | pseudoScheme | pseudoPath)
	switch {
	case r.pseudo&pseudoMethod == 0:
	case r.pseudo&pseudoProtocol != 0:
		need |= pseudoAuthority
		if r.head.Method != "CONNECT" {
			return UnexpectedPseudo
		}
	case r.head.Method == "CONNECT":
		need = pseudoMethod | pseudoAuthority
		if r.pseudo&(pseudoScheme|pseudoPath) != 0 {
			return UnexpectedPseudo
		}
	}
	if r.pseudo&need != need {
		return MissingPseudo
	}
	return 0
}

// judgeHost: RFC 9113 §8.3.1. RFC 9110 §7.2 for Host.
func (r *headReader) judgeHost() Reason {
	h := &r.head
	switch {
	case r.hosts > 1:
		return DuplicateHost
	case r.pseudo&pseudoAuthority == 0 && r.hosts == 0:
		return MissingHost
	case r.pseudo&pseudoAuthority == 0:
		h.Host = r.host
	case r.hosts == 1 && !sameAuthority(h.Host, r.host, h.Scheme):
		return HostMismatch
	}
	// An :authority that came twice was refused before.
	fine := r.hostFine && r.pseudo&pseudoAuthority != 0 || validHost(h.Host)
	if !fine || h.Scheme == "" && portOf(h.Host) == nil {
		return BadHost
	}
	return 0
}

// judgeLength: RFC 9113 §8.1.1.
func (r *headReader) judgeLength(end bool) Reason {
	h := &r.head
	h.Length = -1
	if r.lengths > 0 {
		h.Length = r.length
	}
	switch {
	case r.lengths > 1:
		return DuplicateContentLength
	case h.Method == "CONNECT" && r.lengths > 0:
		return BadContentLength // its DATA is no content (RFC 9110 §9.3.6)
	case end && h.Length > 0:
		return BodyTooShort
	case end:
		h.Length = 0
	}
	return 0
}

// judgePath: RFC 9113 §8.3.1: :path MUST NOT be empty, and starts with '/' or
// is "*" for OPTIONS.
func (r *headReader) judgePath() Reason {
	h := &r.head
	switch {
	case r.refusal == TargetTooLong:
		return 0
	case len(h.Target) == 0:
		return BadPath
	case h.Target[0] == '/':
		if field.ScanTarget(h.Target, 0) < len(h.Target) {
			r.refuse(BadTarget)
		}
		if reason := h.splitPath(); reason != 0 {
			r.refuse(reason)
		}
		return 0
	case len(h.Target) > 1 || h.Target[0] != '*':
		return BadPath
	}
	h.Path = h.Target
	if h.Method != "OPTIONS" {
		r.refuse(MethodTargetMismatch)
	}
	return 0
}
