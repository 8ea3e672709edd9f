package hpack

// An index finds fields in an Encoder's dynamic table by name and value.
//
// Entries whose names hash to one bucket form a chain from the newest to the
// oldest, linked by their ids. Nothing is unlinked when an entry is evicted:
// that is always the oldest, so a chain just ends at the first id that the
// table no longer has. An id that is so old that it means another entry by now
// does no harm, as every answer is compared with the table's octets.
type index struct {
	newest [indexBuckets]uint32 // ids; only as good as table.has says
	links  []link               // one per entry of the table's ring
}

// A link is what the index knows of an entry.
type link struct {
	hash  uint32 // of the name
	older uint32 // id of the next in the chain
}

const (
	indexBuckets = 64
	// maxChain is how many entries one search looks at. A name with more
	// entries than that, or a peer that made names collide, costs compression
	// and not time.
	maxChain = 16
)

// find searches the table for name and value. It returns the HPACK index of a
// field with both, or 0, and of a field with that name, or 0. hash is
// hashOf(name, 0).
func (x *index) find(t *table, name, value []byte, hash uint32) (both, named uint32) {
	id := x.newest[hash%indexBuckets]
	for range maxChain {
		if !t.has(id) {
			break
		}
		l := &x.links[t.slot(id)]
		if l.hash == hash {
			n, v := t.at(id)
			if string(n) == string(name) {
				i := staticLen + t.added - id
				if string(v) == string(value) {
					return i, i
				}
				if named == 0 {
					named = i
				}
			}
		}
		id = l.older
	}
	return 0, named
}

// added enters the newest entry of t, whose name has this hash.
func (x *index) added(t *table, hash uint32) {
	if len(x.links) != len(t.entries) {
		x.grow(t)
	}
	id := t.added - 1
	bucket := hash % indexBuckets
	x.links[t.slot(id)] = link{hash: hash, older: x.newest[bucket]}
	x.newest[bucket] = id
}

// grow follows the ring of the table, which has doubled, to its new slots.
func (x *index) grow(t *table) {
	old := x.links
	x.links = make([]link, len(t.entries))
	if len(old) == 0 {
		return
	}
	for i := uint32(1); i < t.count; i++ { // the newest is not in old
		id := t.added - 1 - i
		x.links[t.slot(id)] = old[id&uint32(len(old)-1)]
	}
}
