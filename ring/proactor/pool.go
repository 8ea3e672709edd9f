package proactor

import "fmt"

// pool is the receive buffers of a loop. A buffer is with the kernel, leased
// to the protocol layer, or in reserve. The kernel has as many as the port
// lets us provide; the reserve replaces those that handlers keep while they
// are left behind.
//
//	           completion               release
//	kernel ───────────────▶ leased ─────────────────▶ kernel, if it lacks one
//	   ▲                                      └─────▶ reserve
//	   └───────────── topUp ◀──────────────────────────┘
type pool struct {
	port     Port
	provided int // with the kernel
	limit    int // of provided
	leased   int
	reserve  []uint32

	out []bool // by id: leased. For assertions; nil without them.
}

func (p *pool) init(port Port) {
	p.port = port
	p.limit = port.Provided()
	p.reserve = make([]uint32, 0, port.Buffers())
	if invariants {
		p.out = make([]bool, port.Buffers())
	}
	for id := port.Buffers() - 1; id >= 0; id-- {
		p.reserve = append(p.reserve, uint32(id))
	}
	p.topUp()
}

// topUp provides what the kernel lacks from the reserve.
func (p *pool) topUp() {
	for p.provided < p.limit && len(p.reserve) > 0 {
		id := p.reserve[len(p.reserve)-1]
		p.reserve = p.reserve[:len(p.reserve)-1]
		p.provided++
		p.port.Provide(id)
	}
}

// lease takes note that the kernel has filled id.
func (p *pool) lease(id uint32) {
	p.provided--
	p.leased++
	if invariants {
		if p.out[id] {
			panic(fmt.Sprintf("BUG: proactor: buffer %d completed while leased", id))
		}
		p.out[id] = true
	}
}

// ReleaseBuf takes back a leased buffer: ring.BufHome.
func (p *pool) ReleaseBuf(id uint32) {
	if invariants {
		if !p.out[id] {
			panic(fmt.Sprintf("BUG: proactor: buffer %d released twice", id))
		}
		p.out[id] = false
		poison(p.port.Buffer(id))
	}
	p.leased--
	p.giveBack(id)
	if faultDoubleFree {
		p.giveBack(id)
	}
}

func (p *pool) giveBack(id uint32) {
	if p.provided < p.limit {
		p.provided++
		p.port.Provide(id)
		return
	}
	p.reserve = append(p.reserve, id)
}

// poison makes whoever still reads b see it.
func poison(b []byte) {
	for i := range b {
		b[i] = 0xdb
	}
}
