package ws

// Taken is memory that was the Conn's. The zero value is none.
type Taken struct{ b *buffer }

// TakeData takes the memory that the last Event's Data lies in out of c, so that
// Data is valid until Free, whatever becomes of c. If it lies in what was fed,
// there is nothing to take: it is valid as long as that.
func (c *Conn) TakeData() Taken {
	t := Taken{c.lent}
	c.lent = nil
	return t
}

// Free gives the memory back.
func (t *Taken) Free() {
	t.b.free()
	t.b = nil
}

// Len is how long the message is, in bytes.
func (m *Prepared) Len() int { return len(m.payload) }
