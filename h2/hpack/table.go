package hpack

// MaxTable is the largest dynamic table there can be, in octets as RFC 7541
// §4.1 counts them.
const MaxTable = 1 << 24

// entryOverhead is what an entry counts beside its octets (RFC 7541 §4.1).
const entryOverhead = 32

// A table is a dynamic table (RFC 7541 §2.3.2): a queue of entries over one
// arena of octets.
//
//	arena  |  free  | oldest … newest |        free        |
//	       0       start             end          len(arena)
//
// Entries are added at end and leave at start. When one does not fit behind
// end, the live octets move to the front; as the arena is at least twice as
// long as they are, that costs each octet added at most one copy. An entry
// lies in one piece, so that views of it need no copying.
//
// The arena and the ring of entries grow by doubling while the table does, to
// at most 2 × max octets and max/32 entries (of 12 octets), each rounded up to
// a power of two; a table that never held anything has neither. The zero value
// is a table of maximum 0.
type table struct {
	arena      []byte
	start, end int
	// base is the position of arena[0] if every octet ever added is counted,
	// modulo 2^32. It moves when the octets do, so that entries need not.
	base    uint32
	entries []entry // a ring; its length is 0 or a power of two
	added   uint32  // entries added so far, modulo 2^32: the next one's id
	count   uint32  // of them, the newest, still here
	size    int     // in octets, RFC 7541 §4.1; at most max
	max     int     // RFC 7541 §4.2
}

// An entry says where a field is.
type entry struct {
	at       uint32 // position of the name, counted as table.base is
	name     uint32 // its length in octets, below MaxTable; above that bits, the Tag
	valueLen uint32 // in octets
}

const tagShift = 24 // MaxTable is 1 << 24

func (e *entry) nameLen() int { return int(e.name & (1<<tagShift - 1)) }
func (e *entry) tag() uint8   { return uint8(e.name >> tagShift) }

// The least that is allocated.
const (
	minArena   = 256
	minEntries = 4
)

// reset makes the table empty, of the given maximum, and keeps its memory if
// that is within what the maximum allows.
func (t *table) reset(max int) {
	arena, entries := t.arena, t.entries
	*t = table{max: max}
	if len(arena) <= 2*ceilPower(max) && len(entries) <= ceilPower(max/entryOverhead) {
		t.arena, t.entries = arena, entries
	}
}

// slot is where the entry of that id is in the ring.
func (t *table) slot(id uint32) uint32 { return id & uint32(len(t.entries)-1) }

// has reports whether the entry of that id is still here.
func (t *table) has(id uint32) bool { return t.added-1-id < t.count }

// get is the entry that is the i-th newest, i from 0 to count-1. The views are
// valid until the next add or reset.
func (t *table) get(i uint32) (name, value []byte) { return t.at(t.added - 1 - i) }

// at is the entry of that id, which must be here. As get.
func (t *table) at(id uint32) (name, value []byte) {
	e := &t.entries[t.slot(id)]
	from := int(e.at - t.base)
	mid := from + e.nameLen()
	to := mid + int(e.valueLen)
	return t.arena[from:mid:mid], t.arena[mid:to:to]
}

// setMax changes the maximum and evicts what is then too much (RFC 7541 §4.3).
// Without a table there is no memory for one.
func (t *table) setMax(max int) {
	t.max = max
	t.evict(max)
	if max == 0 {
		t.arena, t.entries = nil, nil
	}
}

// evict removes the oldest entries until size is at most limit.
func (t *table) evict(limit int) {
	for t.size > limit {
		e := &t.entries[t.slot(t.added-t.count)]
		n := e.nameLen() + int(e.valueLen)
		t.start += n
		t.size -= n + entryOverhead
		t.count--
	}
	if t.count == 0 {
		t.base += uint32(t.end)
		t.start, t.end = 0, 0
	}
}

// add inserts a field. Neither slice may lie in the arena. It reports whether
// the field is in the table now: one that is larger than the table empties it,
// which is no error (RFC 7541 §4.4).
func (t *table) add(name, value []byte) bool {
	n := len(name) + len(value)
	if n+entryOverhead > t.max {
		t.evict(0)
		return false
	}
	t.evict(t.max - n - entryOverhead)
	t.makeRoom(n)
	e := entry{at: t.base + uint32(t.end), name: uint32(len(name)), valueLen: uint32(len(value))}
	t.end += copy(t.arena[t.end:], name)
	t.end += copy(t.arena[t.end:], value)
	t.entries[t.slot(t.added)] = e
	t.added++
	t.count++
	t.size += n + entryOverhead
	if invariants {
		t.check()
	}
	return true
}

// makeRoom makes sure of n free octets behind end and of a free entry.
func (t *table) makeRoom(n int) {
	if int(t.count) == len(t.entries) {
		t.growEntries()
	}
	if t.end+n <= len(t.arena) {
		return
	}
	live := t.arena[t.start:t.end]
	if need := 2 * (len(live) + n); need > len(t.arena) {
		t.arena = make([]byte, max(minArena, ceilPower(need)))
	}
	t.end = copy(t.arena, live)
	t.base += uint32(t.start)
	t.start = 0
}

func (t *table) growEntries() {
	old := *t
	t.entries = make([]entry, max(minEntries, 2*len(t.entries)))
	for i := range t.count {
		id := t.added - 1 - i
		t.entries[t.slot(id)] = old.entries[old.slot(id)]
	}
}

// check panics if the table's numbers contradict each other.
func (t *table) check() {
	octets, size := 0, 0
	for i := range t.count {
		name, value := t.get(i)
		octets += len(name) + len(value)
		size += len(name) + len(value) + entryOverhead
	}
	if octets != t.end-t.start || size != t.size || size > t.max || t.end > len(t.arena) {
		panic("BUG: the dynamic table miscounts")
	}
}

// ceilPower is the least power of two that is at least n; 1 if n is 0.
func ceilPower(n int) int {
	p := 1
	for p < n {
		p *= 2
	}
	return p
}
