package ws

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// A part is what a peer sends to an end of the given role.
type part func(to Role) []byte

// raw is sent as it is.
func raw(b ...byte) part { return func(Role) []byte { return b } }

// fr is a frame as it should be, but for what is in its first byte.
func fr(first byte, payload string) part {
	form := 0
	switch n := len(payload); {
	case n >= 1<<16:
		form = 8
	case n > 125:
		form = 2
	}
	return long(first, form, uint64(len(payload)), payload)
}

// long is a frame whose length is n in a form of 0, 2 or 8 bytes, whatever the
// payload is.
func long(first byte, form int, n uint64, payload string) part {
	return func(to Role) []byte {
		b := []byte{first, byte(n)}
		switch form {
		case 2:
			b = binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(n))
		case 8:
			b = binary.BigEndian.AppendUint64([]byte{first, 127}, n)
		}
		if to == Client {
			return append(b, payload...)
		}
		b[1] |= 0x80
		b = binary.LittleEndian.AppendUint32(b, testKey)
		for i := range len(payload) {
			b = append(b, payload[i]^byte(uint32(testKey)>>(8*(i%4))))
		}
		return b
	}
}

// swapped is p as for the other role: with a mask where none may be, without
// one where it must.
func swapped(p part) part {
	return func(to Role) []byte { return p(1 - to) }
}

func join(to Role, parts []part) (all []byte) {
	for _, p := range parts {
		all = append(all, p(to)...)
	}
	return all
}

// A replayer does what an owner does, and logs what it is told.
type replayer struct {
	c   *Conn
	log []string
	// peak is the most memory that c has held at a time, in bytes.
	peak int
}

func newReplayer(role Role, deflate Deflate, change func(*Config)) *replayer {
	cfg := serverConfig(true)
	if role == Client {
		cfg = clientConfig()
	}
	if change != nil {
		change(cfg)
	}
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	r := &replayer{c: new(Conn)}
	r.c.Reset(cfg, deflate)
	return r
}

// feed gives a copy of b, which is void thereafter, as a receive buffer is.
func (r *replayer) feed(b []byte) {
	b = slices.Clip(slices.Clone(b))
	r.c.Feed(b)
	for {
		e, bad := r.c.Next()
		r.peak = max(r.peak, r.c.Buffered())
		if bad != nil {
			r.log = append(r.log, fmt.Sprintf("%s: %d", bad.Reason, bad.Code))
			continue
		}
		switch e.Kind {
		case EventMore:
		case EventNone:
			for i := range b {
				b[i] = 0xdb
			}
			return
		case EventMessage:
			r.log = append(r.log, fmt.Sprintf("%s %s", e.Opcode, show(e.Data)))
		case EventClose:
			r.log = append(r.log, fmt.Sprintf("close %d %s", e.Code, show(e.Data)))
		default:
			r.log = append(r.log, fmt.Sprintf("%s %s", e.Kind, show(e.Data)))
		}
	}
}

// patient is c.Next until it has come to something.
func patient(c *Conn) (Event, *Error) {
	for {
		if e, bad := c.Next(); bad != nil || e.Kind != EventMore {
			return e, bad
		}
	}
}

// show is b, or a digest of it.
func show(b []byte) string {
	if len(b) <= 40 {
		return fmt.Sprintf("%q", b)
	}
	sum := uint64(14695981039346656037)
	for _, c := range b {
		sum = (sum ^ uint64(c)) * 1099511628211
	}
	return fmt.Sprintf("%d bytes %x", len(b), sum)
}

func (r *replayer) String() string { return strings.Join(r.log, "; ") }

// everyCut calls f with in cut in two, at every place, and once with every
// byte by itself. Of what is long, that is for the first bytes; the rest is cut
// at some places, and comes in larger pieces.
func everyCut(in []byte, f func(pieces ...[]byte)) {
	closely := len(in)
	if len(in) > 1000 {
		closely = 30
	}
	for at := 0; at <= len(in); at++ {
		if f(in[:at], in[at:]); at > closely {
			at += len(in) / 10
		}
	}
	var pieces [][]byte
	for at, n := 0, 1; at < len(in); at += n {
		if at > closely {
			n = 999
		}
		pieces = append(pieces, in[at:min(at+n, len(in))])
	}
	f(pieces...)
}
