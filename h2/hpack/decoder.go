package hpack

// A Field is one field line. Name and Value are views whose lifetime the
// function that hands it out states.
type Field struct {
	Name, Value []byte
	// Sensitive: the sender asks that no intermediary ever indexes it (RFC
	// 7541 §6.2.3). Who passes it on must mark it again.
	Sensitive bool
	// Tag is where a Decoder has it from: StaticTag and the index in the static
	// table, or what SetTag said of the entry of the dynamic table, or 0. Who has
	// judged an entry need not judge it again.
	Tag uint8
}

// StaticTag marks Tags of the static table.
const StaticTag = 0x80

// A Decoder turns the header blocks of one direction of one connection into
// fields. It must see every block, in the order of arrival.
//
//	            ┌── update ──┐                ┌── field ──┐
//	            ▼            │                ▼           │
//	Begin ──▶ updates ───────┘──── field ──▶ fields ──────┘──── update ──▶ failed
//	            │                             │
//	            └────── end of block ─────────┴──▶ idle ──▶ Begin
//
// Any error leads to failed, and nothing leads out of it but Reset. Leaving
// updates fails if an update is owed and has not come.
type Decoder struct {
	table table
	lim   *Limits
	state decoderState
	err   *Error

	// allowed is the maximum that the peer acknowledged, in octets; an update
	// may set no more. owed is the smallest since the last update or block: if
	// the table's maximum is above it, the next block must first go down to it.
	allowed, owed int

	// Of the block being read.
	block   []byte
	pos     int // of the next representation
	scratch *Scratch
	count   int // fields
	section int // octets, RFC 9113 §6.5.2
	excess  Excess
	last    uint32 // 1 + slot of the entry that the last field is in; 0: none
}

type decoderState uint8

const (
	// stateIdle: no block. The zero state.
	stateIdle decoderState = iota
	// stateUpdates: at the start of a block, where table size updates may be.
	stateUpdates
	// stateFields: after the first field, where they may not.
	stateFields
	// stateFailed: after an error.
	stateFailed
)

// NewDecoder is a Decoder whose peer was told maxTable as
// SETTINGS_HEADER_TABLE_SIZE (4096 if nothing, RFC 9113 §6.5.2), in octets, at
// most MaxTable. lim is retained and must not change while a block is read.
func NewDecoder(maxTable uint32, lim *Limits) *Decoder {
	d := new(Decoder)
	d.Reset(maxTable, lim)
	return d
}

// Reset makes d as new, for another connection, and keeps the table's memory.
func (d *Decoder) Reset(maxTable uint32, lim *Limits) {
	mustBeTableSize(maxTable)
	t := d.table
	t.reset(int(maxTable))
	*d = Decoder{table: t, lim: lim, allowed: int(maxTable), owed: int(maxTable)}
}

// mustBeTableSize refuses what no configuration may hold: the sizes are ours.
func mustBeTableSize(n uint32) {
	if n > MaxTable {
		panic("BUG: a dynamic table larger than MaxTable")
	}
}

// SetMaxTable says that the peer acknowledged another
// SETTINGS_HEADER_TABLE_SIZE, in octets, at most MaxTable. It is called
// between blocks. If the table's maximum is above it, the next block must
// begin by lowering it.
func (d *Decoder) SetMaxTable(n uint32) {
	mustBeTableSize(n)
	d.allowed = int(n)
	d.owed = min(d.owed, int(n))
}

// TableSize is the size of the dynamic table, in octets (RFC 7541 §4.1).
func (d *Decoder) TableSize() int { return d.table.size }

// Err is the error in this block or an earlier one, nil if there is none. A
// nil *Error must not be put into an error.
func (d *Decoder) Err() *Error { return d.err }

// Exceeded is the limit that this block exceeds, Within if none. It is final
// when Next has returned false.
func (d *Decoder) Exceeded() Excess { return d.excess }

// SectionBytes is the size of the fields that Next returned for this block, in
// octets as RFC 9113 §6.5.2 counts them.
func (d *Decoder) SectionBytes() int { return d.section }

// FieldCount is how many fields Next returned for this block.
func (d *Decoder) FieldCount() int { return d.count }

// Begin starts a whole block, that is, the joined fragments of HEADERS or
// PUSH_PROMISE and their CONTINUATIONs. block and s belong to d, unchanged,
// until Next returns false. The block before must have been read to its end.
func (d *Decoder) Begin(block []byte, s *Scratch) {
	switch d.state {
	case stateFailed:
		return
	case stateUpdates, stateFields:
		panic("BUG: Begin before the end of the last block")
	}
	d.block, d.scratch, d.pos = block, s, 0
	d.count, d.section, d.excess = 0, 0, Within
	d.state = stateUpdates
}

// Next is Read that returns the field.
func (d *Decoder) Next() (f Field, ok bool) {
	if ok = d.Read(&f); !ok {
		f = Field{}
	}
	return f, ok
}

// Read puts the next field of the block into f; false at its end and after an
// error, when f is of no meaning. The views are valid until the next call of Next,
// Read, Begin or Reset. A field that exceeds a limit is not returned, nor any after
// it; the rest of the block is then read within this call.
func (d *Decoder) Read(f *Field) bool {
	if d.scratch != nil && d.scratch.used > 0 {
		d.scratch.reset()
	}
	d.last = 0
	if d.pos < len(d.block) {
		// What most fields are, on a short way: an index below the prefix's 127.
		if c := d.block[d.pos]; c > 0x80 && c < 0xff && (d.state == stateFields || d.leaveUpdates()) {
			if d.entry(f, uint32(c&0x7f)) && d.admit(len(f.Name), len(f.Value)) {
				d.pos++
				return true
			}
		}
	}
	for d.pos < len(d.block) && d.err == nil {
		if d.step(f) {
			return true
		}
	}
	d.finish()
	return false
}

// finish ends the block, if there is one.
func (d *Decoder) finish() {
	if d.state == stateUpdates {
		d.leaveUpdates()
	}
	if d.state != stateFailed {
		d.state = stateIdle
	}
	d.block, d.scratch, d.pos = nil, nil, 0
}

// step reads one representation. It reports whether it is a field, f, to be
// returned.
func (d *Decoder) step(f *Field) bool {
	c := d.block[d.pos]
	if c&0xe0 == 0x20 { // RFC 7541 §6.3: 001
		d.update()
		return false
	}
	if d.state == stateUpdates && !d.leaveUpdates() {
		return false
	}
	switch {
	case c >= 0x80: // §6.1: 1
		return d.indexed(f)
	case c >= 0x40: // §6.2.1: 01
		return d.literal(f, 6)
	default: // §6.2.2: 0000, §6.2.3: 0001
		ok := d.literal(f, 4)
		f.Sensitive = c&0x10 != 0
		return ok
	}
}

// leaveUpdates is the way from updates to fields, or to the end.
func (d *Decoder) leaveUpdates() bool {
	// RFC 7541 §4.2: a change in the maximum size is signaled by an update,
	// which MUST occur at the beginning of the first block after the change,
	// and the smallest maximum in between MUST be signaled.
	if d.owed < d.table.max {
		return d.fail(UpdateMissing, 0)
	}
	d.owed = d.allowed
	d.state = stateFields
	return true
}

// update reads a table size update (RFC 7541 §6.3).
func (d *Decoder) update() {
	at := d.pos
	if d.state != stateUpdates {
		// RFC 7541 §4.2: it MUST occur at the beginning of a block.
		d.fail(UpdateMisplaced, at)
		return
	}
	n, ok := d.integer(5)
	if !ok {
		return
	}
	switch {
	case int64(n) > int64(d.allowed):
		// RFC 7541 §6.3: a value that exceeds the limit MUST be treated as a
		// decoding error.
		d.fail(UpdateTooLarge, at)
	case d.owed < d.table.max && int(n) > d.owed:
		// §4.2: the smallest maximum MUST be signaled, and before the final one.
		d.fail(UpdateMissing, at)
	default:
		d.table.setMax(int(n))
		d.owed = d.allowed
	}
}

// indexed reads an indexed field (RFC 7541 §6.1).
func (d *Decoder) indexed(f *Field) bool {
	at := d.pos
	i, ok := d.integer(7)
	if !ok {
		return false
	}
	if !d.entry(f, i) {
		return d.fail(BadIndex, at)
	}
	return d.admit(len(f.Name), len(f.Value))
}

// entry makes f the field at an index of both tables (RFC 7541 §2.3.3). It sets it
// part by part: to copy a whole Field costs more than all else here.
func (d *Decoder) entry(f *Field, i uint32) bool {
	f.Sensitive = false
	switch {
	case i == 0: // §6.1: index 0 MUST be treated as a decoding error
		return false
	case i <= staticLen:
		s := &static[i]
		f.Name, f.Value, f.Tag = s.name, s.value, StaticTag|uint8(i)
		return true
	case i-staticLen <= d.table.count:
		id := d.table.added - (i - staticLen)
		slot := d.table.slot(id)
		d.last = slot + 1
		f.Name, f.Value = d.table.at(id)
		f.Tag = d.table.entries[slot].tag()
		return true
	}
	return false // §2.3.3: nor are indices above both tables valid
}

// SetTag has the entry of the dynamic table that the field is in which Next
// returned last hand out tag, from 0 to 127, whenever it is referred to as a
// whole. Without effect if it is in none. It is called before anything else is.
func (d *Decoder) SetTag(tag uint8) {
	if tag >= StaticTag {
		panic("BUG: a tag that is the static table's")
	}
	if d.last > 0 {
		e := &d.table.entries[d.last-1]
		e.name = e.name&(1<<tagShift-1) | uint32(tag)<<tagShift
	}
}

// literal reads a literal field with an n-bit index of its name, 6 if it is to
// be added to the table (RFC 7541 §6.2).
func (d *Decoder) literal(f *Field, n uint) bool {
	at := d.pos
	i, ok := d.integer(n)
	if !ok {
		return false
	}
	var nameLen, valueLen int
	if i == 0 {
		if f.Name, nameLen, ok = d.text(); !ok {
			return false
		}
	} else if !d.entry(f, i) {
		return d.fail(BadIndex, at)
	} else if d.last, nameLen = 0, len(f.Name); n == 6 && i > staticLen {
		// §4.4: the entry may be evicted by the one that refers to it.
		f.Name = append(d.scratch.take(nameLen)[:0], f.Name...)
	}
	f.Sensitive, f.Tag = false, 0
	if f.Value, valueLen, ok = d.text(); !ok {
		return false
	}
	if n == 6 {
		d.add(f, nameLen+valueLen)
	}
	return d.admit(nameLen, valueLen)
}

// add puts a field of n octets into the table. If it is not all here, it is
// larger than the table, and then §4.4 has the table emptied.
func (d *Decoder) add(f *Field, n int) {
	if len(f.Name)+len(f.Value) != n {
		d.table.evict(0)
		return
	}
	if d.table.add(f.Name, f.Value) {
		d.last = d.table.slot(d.table.added-1) + 1
	}
}

// admit counts a field, whose octets are given, and reports whether it may be
// returned.
func (d *Decoder) admit(nameLen, valueLen int) bool {
	size := nameLen + valueLen + entryOverhead
	switch {
	case d.excess != Within:
		return false
	case max(nameLen, valueLen) > d.lim.StringBytes:
		d.excess = StringTooLong
	case d.count >= d.lim.FieldCount:
		d.excess = TooManyFields
	case size > d.lim.SectionBytes-d.section:
		d.excess = SectionTooLarge
	default:
		d.count++
		d.section += size
		return true
	}
	return false
}

// integer reads an integer with an n-bit prefix at pos (RFC 7541 §5.1).
func (d *Decoder) integer(n uint) (v uint32, ok bool) {
	v, end, kind := parseInt(d.block, d.pos, n)
	if kind != 0 {
		return 0, d.fail(kind, d.pos)
	}
	d.pos = end
	return v, true
}

// text reads a string at pos (RFC 7541 §5.2) and says how long it is. One that
// can neither be returned nor be in the table is nil.
func (d *Decoder) text() (s []byte, n int, ok bool) {
	at := d.pos
	if at >= len(d.block) {
		return nil, 0, d.fail(Truncated, at)
	}
	coded := d.block[at]&0x80 != 0
	length, ok := d.integer(7)
	if !ok {
		return nil, 0, false
	}
	if int64(length) > int64(len(d.block)-d.pos) {
		return nil, 0, d.fail(Truncated, at)
	}
	end := d.pos + int(length)
	raw := d.block[d.pos:end:end]
	d.pos = end
	if !coded {
		return raw, len(raw), true
	}
	return d.decodeText(raw, at)
}

func (d *Decoder) decodeText(raw []byte, at int) (s []byte, n int, ok bool) {
	// No code is shorter than five bits.
	s = d.scratch.take(min(len(raw)*8/minCodeLen, max(d.lim.StringBytes, d.table.max)))
	n, kind := parseHuffman(s, raw)
	if kind != 0 {
		return nil, 0, d.fail(kind, at)
	}
	if n > len(s) {
		return nil, n, true
	}
	return s[:n:n], n, true
}

// fail ends everything. It returns false, for its callers to return.
func (d *Decoder) fail(kind Kind, offset int) bool {
	d.err = &Error{Kind: kind, Offset: offset}
	d.state = stateFailed
	return false
}
