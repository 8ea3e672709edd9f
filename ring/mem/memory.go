package mem

import "github.com/uringserve/uringserve/ring"

// memory is a completion port's memory: receive buffers and the arena.
type memory struct {
	p        *Port
	buffers  [][]byte
	provided []bool   // by id: the kernel's
	queue    []uint32 // provided, in order
	arena    []byte
}

func newMemory(p *Port, o Options) memory {
	n := o.Provided + o.Reserve
	m := memory{
		p: p, buffers: make([][]byte, n), provided: make([]bool, n),
		arena: make([]byte, arenaBytes),
	}
	for i := range m.buffers {
		// Each on its own, its capacity its length: an overrun panics.
		m.buffers[i] = make([]byte, o.BufferSize)
	}
	return m
}

func (m *memory) provide(id uint32) {
	switch {
	case int(id) >= len(m.buffers):
		m.p.k.violate("buffer %d provided, there are %d", id, len(m.buffers))
		return
	case m.provided[id]:
		m.p.k.violate("buffer %d provided twice", id)
		return
	case len(m.queue) >= m.p.k.o.Provided:
		m.p.k.violate("more than %d buffers provided", m.p.k.o.Provided)
		return
	}
	scramble(m.buffers[id])
	m.provided[id] = true
	m.queue = append(m.queue, id)
}

// take is the kernel's: the next buffer to fill.
func (m *memory) take() (id uint32, ok bool) {
	if len(m.queue) == 0 {
		return 0, false
	}
	id = m.queue[0]
	m.queue = m.queue[1:]
	m.provided[id] = false
	return id, true
}

// Buffer implements proactor.Port.
func (p *Port) Buffer(id uint32) []byte { return p.memory.buffers[id] }

// Provide implements proactor.Port.
func (p *Port) Provide(id uint32) { p.memory.provide(id) }

// Buffers implements proactor.Port.
func (p *Port) Buffers() int { return len(p.memory.buffers) }

// Provided implements proactor.Port.
func (p *Port) Provided() int { return p.k.o.Provided }

// SendArena implements proactor.Port.
func (p *Port) SendArena() []byte { return p.memory.arena }

var _ [arenaBytes - ring.MaxSend]struct{}
