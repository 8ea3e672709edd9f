package tls

// A handshakeList is a queue that handshakes can leave from anywhere. The zero
// value is empty. A handshake is in one list at most.
type handshakeList struct {
	head, tail *handshake
	n          int
}

// push adds h at the end; it is in no list.
func (l *handshakeList) push(h *handshake) {
	if invariants && h.list != nil {
		panic("BUG: handshake is in a list already")
	}
	h.list, h.prev = l, l.tail
	if l.tail != nil {
		l.tail.next = h
	} else {
		l.head = h
	}
	l.tail = h
	l.n++
}

// leave takes h out of the list it is in, if any.
func (h *handshake) leave() {
	l := h.list
	if l == nil {
		return
	}
	if h.prev != nil {
		h.prev.next = h.next
	} else {
		l.head = h.next
	}
	if h.next != nil {
		h.next.prev = h.prev
	} else {
		l.tail = h.prev
	}
	h.list, h.prev, h.next = nil, nil, nil
	l.n--
}
