package hpack

// DefaultTable is the maximum of the dynamic table before any SETTINGS, in
// octets (RFC 9113 §6.5.2).
const DefaultTable = 4096

// An Encoder turns the fields of one direction of one connection into header
// blocks. What it appends must reach the peer, in this order and whole: the
// dynamic table counts on it.
type Encoder struct {
	table table
	index index
	seen  memory

	own  int // the most we use, in octets
	next int // the maximum from the next block on
	// low is the smallest maximum since the last block. changed: next or low
	// have still to be told.
	low     int
	changed bool

	// dateUsed: no entry for date was made yet, or the newest was referred to.
	dateUsed bool
}

// NewEncoder is an Encoder that uses at most own octets for its dynamic table,
// whatever the peer allows; more than MaxTable counts as that. The peer is
// taken to allow DefaultTable until SetPeerMax.
func NewEncoder(own uint32) *Encoder {
	e := new(Encoder)
	e.Reset(own)
	return e
}

// Reset makes e as new, for another connection, and keeps the table's memory.
func (e *Encoder) Reset(own uint32) {
	t, links := e.table, e.index.links
	t.reset(DefaultTable)
	*e = Encoder{table: t, own: int(min(own, MaxTable)), dateUsed: true}
	if len(links) == len(t.entries) {
		e.index.links = links
	}
	e.next, e.low = t.max, t.max
	e.SetPeerMax(DefaultTable)
}

// SetPeerMax says that the peer's SETTINGS_HEADER_TABLE_SIZE is n octets and
// that we acknowledge it. It is called between blocks. The next block tells
// the peer what comes of it.
func (e *Encoder) SetPeerMax(n uint32) {
	e.next = int(min(n, uint32(e.own)))
	if !e.changed {
		e.low = e.next
	}
	e.low = min(e.low, e.next)
	e.changed = e.low < e.table.max || e.next != e.table.max
}

// TableSize is the size of the dynamic table, in octets (RFC 7541 §4.1).
func (e *Encoder) TableSize() int { return e.table.size }

// AppendField appends one field to dst. The octets of name and value are not
// judged, and not retained; the name should be in lower case (RFC 9113 §8.2.1)
// or is not recognised. sensitive has it sent as a literal that is never
// indexed (RFC 7541 §6.2.3), as are authorization, proxy-authorization,
// set-cookie and short cookies in any case. name and value must each be below
// 4 GiB. It does not allocate but for dst and while the table grows.
func (e *Encoder) AppendField(dst, name, value []byte, sensitive bool) []byte {
	hash := hashOf(name, 0)
	return e.append(dst, staticName(name, hash), name, value, hash, sensitive)
}

// A Name is a field name that need not be looked for: its first index in the
// static table.
type Name uint8

const (
	ContentLength Name = 28
	Date          Name = 33
)

// AppendNamed is AppendField for one of those names.
func (e *Encoder) AppendNamed(dst []byte, name Name, value []byte) []byte {
	return e.append(dst, uint32(name), static[name].name, value, staticHashes[name], false)
}

// append is AppendField when the name is known: named is its first index in the
// static table or 0, hash is hashOf(name, 0).
func (e *Encoder) append(dst []byte, named uint32, name, value []byte, hash uint32, sensitive bool) []byte {
	if e.changed {
		dst = e.appendUpdates(dst)
	}
	p := policies[named]
	if sensitive || p == policyNever || p == policyCookie && len(value) < minCookie {
		return e.appendNever(dst, named, name, value, hash)
	}
	if named != 0 {
		if i := staticValue(named, value); i != 0 {
			return append(dst, 0x80|byte(i)) // below the prefix's 127
		}
	}
	both, dynamic := e.index.find(&e.table, name, value, hash)
	if both != 0 {
		e.dateUsed = e.dateUsed || p == policyDate
		return appendInt(dst, 0x80, 7, both)
	}
	if named == 0 {
		named = dynamic
	}
	if !e.wants(p, value, hash, len(name)) {
		return appendLiteral(dst, 0x00, 4, named, name, value)
	}
	dst = appendLiteral(dst, 0x40, 6, named, name, value)
	e.table.add(name, value)
	e.index.added(&e.table, hash)
	return dst
}

// AppendStatus appends the pseudo-field :status (RFC 9113 §8.3.2). code is of
// three digits.
func (e *Encoder) AppendStatus(dst []byte, code int) []byte {
	if code < 100 || code > 999 {
		panic("BUG: a status code that has not three digits")
	}
	if code == 200 && !e.changed {
		return append(dst, 0x80|statusIndex)
	}
	digits := [3]byte{byte('0' + code/100), byte('0' + code/10%10), byte('0' + code%10)}
	return e.AppendField(dst, static[statusIndex].name, digits[:], false)
}

// statusIndex is the first static index of :status.
const statusIndex = 8

// wants reports whether a field enters the table.
func (e *Encoder) wants(p policy, value []byte, hash uint32, nameLen int) bool {
	// One that would take more than half of the table pushes out too much;
	// this also says no while the table's maximum is 0.
	if nameLen+len(value)+entryOverhead > e.table.max/2 {
		return false
	}
	switch p {
	case policyFirst:
		return true
	case policyDate:
		if e.dateUsed || e.seen.repeats(hashOf(value, hash)) {
			e.dateUsed = false
			return true
		}
		return false
	default:
		return e.seen.repeats(hashOf(value, hash))
	}
}

// appendNever appends a literal that nobody may index.
func (e *Encoder) appendNever(dst []byte, named uint32, name, value []byte, hash uint32) []byte {
	if named == 0 {
		_, named = e.index.find(&e.table, name, nil, hash)
	}
	return appendLiteral(dst, 0x10, 4, named, name, value)
}

// appendLiteral appends a literal field (RFC 7541 §6.2) with an n-bit index of
// the name, or the name itself if that is 0.
func appendLiteral(dst []byte, high byte, n uint, named uint32, name, value []byte) []byte {
	dst = appendInt(dst, high, n, named)
	if named == 0 {
		dst = appendText(dst, name)
	}
	return appendText(dst, value)
}

// appendText appends a string (RFC 7541 §5.2), in Huffman code if that is
// shorter.
func appendText(dst, s []byte) []byte {
	if n := huffmanLen(s); n < len(s) {
		return appendHuffman(appendInt(dst, 0x80, 7, uint32(n)), s)
	}
	return append(appendInt(dst, 0x00, 7, uint32(len(s))), s...)
}

// appendUpdates tells the peer the maxima (RFC 7541 §4.2, §6.3).
func (e *Encoder) appendUpdates(dst []byte) []byte {
	// §4.2: the smallest maximum since the last block MUST be signaled, and
	// the final one always is; so there are at most two.
	if e.low < e.next {
		e.table.setMax(e.low)
		dst = appendInt(dst, 0x20, 5, uint32(e.low))
	}
	e.table.setMax(e.next)
	e.changed, e.low = false, e.next
	return appendInt(dst, 0x20, 5, uint32(e.next))
}
