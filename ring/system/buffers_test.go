package system

import "testing"

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

func TestBuffers(t *testing.T) {
	const size, all, limit = 16, 5, 3
	b := NewBuffers(make([]byte, size*all), size, limit)
	if b.Len() != all || b.Limit() != limit {
		t.Fatalf("%d buffers, limit %d", b.Len(), b.Limit())
	}
	for id := range uint32(all) {
		m := b.At(id)
		if len(m) != size || cap(m) != size {
			t.Errorf("buffer %d: %d bytes of %d", id, len(m), cap(m))
		}
		m[0], m[size-1] = byte(id), byte(id)
	}
	for id := range uint32(all) {
		if m := b.At(id); m[0] != byte(id) || m[size-1] != byte(id) {
			t.Errorf("buffer %d overlaps another", id)
		}
	}
	for id := range uint32(limit) {
		m := b.Give(id)
		if &m[0] != &b.At(id)[0] {
			t.Error("Give answers other memory than At")
		}
		if poisoned := m[0] == 0xDB && m[size-1] == 0xDB; poisoned != invariants {
			t.Errorf("poisoned: %v", poisoned)
		}
	}
	if !panics(func() { b.Give(limit) }) {
		t.Error("more were given than the limit")
	}
	b.Taken(1)
	if !panics(func() { b.Give(0) }) {
		t.Error("a buffer was given twice")
	}
	b.Give(1)
	if invariants && !panics(func() { b.Taken(4) }) {
		t.Error("a buffer was taken that was not given")
	}
}
