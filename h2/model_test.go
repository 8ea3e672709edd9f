package h2

import (
	"fmt"
	"testing"

	"github.com/uringserve/uringserve/h2/hpack"
)

// A model is a client and an owner that do what a seed says: legal things, in
// any order, cut anywhere. It checks that we keep to the windows, that what we
// send can be read, that memory stays in its bounds, and that every stream
// ends with the right bytes.
type model struct {
	t    testing.TB
	rng  *rand
	c    *Conn
	cfg  *Config
	now  int64
	seed uint64

	// The client.
	enc     *hpack.Encoder
	dec     *hpack.Decoder
	str     hpack.Scratch
	wire    []byte // from the client, not yet fed
	streams map[uint32]*modelStream
	nextID  uint32
	window  int64 // ours to send on the connection, as the client counts
	initial int64 // of new streams, as we have been told
	told    []int64
	upload  int64 // the client's to send
	acked   bool

	// The owner.
	held map[uint32]*modelHeld
}

// modelStream is a stream as the client sees it.
type modelStream struct {
	window int64 // ours to send
	upload int64 // the client's to send
	left   int   // of its body
	ended  bool  // it has sent the end
	reset  bool
	got    int
	head   bool
	done   bool // our end came
}

// modelHeld is a stream as the owner sees it.
type modelHeld struct {
	want     int // bytes of response to send; what byte i is follows from i
	sent     int
	answered bool
	unread   int
	ended    bool
	gone     bool
}

func newModel(t testing.TB, seed uint64, change func(*Config)) *model {
	cfg := DefaultConfig()
	cfg.Limits.Streams = 10
	cfg.Limits.StreamWindow = 30000
	cfg.Limits.ConnWindow = 70000
	cfg.Budgets.Resets = Budget{1 << 20, 0}
	cfg.Budgets.Pings = Budget{1 << 20, 0}
	cfg.Budgets.TinyWindows = Budget{1 << 20, 0}
	cfg.Budgets.Settings = Budget{1 << 20, 0}
	cfg.Budgets.LateFrames = Budget{1 << 20, 0}
	cfg.Budgets.EmptyData = Budget{1 << 20, 0}
	cfg.Budgets.Refused = Budget{1 << 20, 0}
	cfg.Budgets.Priorities = Budget{1 << 20, 0}
	cfg.Limits.QueuedBytes = 1 << 20
	if change != nil {
		change(cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	lim := hpack.DefaultLimits()
	m := &model{t: t, rng: newRand(seed), seed: seed, cfg: cfg, c: NewConn(cfg, new(Scratch)), now: 1,
		enc: hpack.NewEncoder(4096), dec: hpack.NewDecoder(4096, &lim),
		streams: map[uint32]*modelStream{}, held: map[uint32]*modelHeld{}, nextID: 1,
		window: 65535, initial: 65535, upload: 65535}
	m.wire = AppendSettingsFrame([]byte(Preface))
	m.told = []int64{65535, 65535} // the default, and the empty SETTINGS
	return m
}

func (m *model) fatalf(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("seed %d: %s", m.seed, fmt.Sprintf(format, args...))
}

// run does steps, then lets everything come to its end.
func (m *model) run(steps int) {
	for range steps {
		m.step()
	}
	for range 100000 {
		if m.finish() {
			return
		}
	}
	m.fatalf("it does not end: %d streams, %d held", len(m.streams), len(m.held))
}

func (m *model) step() {
	m.now += int64(m.rng.n(1e7))
	switch m.rng.n(12) {
	case 0, 1:
		m.ask()
	case 2, 3:
		m.sendBody()
	case 4:
		m.credit()
	case 5:
		m.oddity()
	case 6, 7, 8:
		m.feed(1 + m.rng.n(1+m.rng.n(20000)))
	case 9, 10:
		m.own()
	default:
		m.drain()
	}
}

func (m *model) pick() (uint32, *modelStream) {
	ids := make([]uint32, 0, len(m.streams))
	for id := uint32(1); id < m.nextID; id += 2 {
		if m.streams[id] != nil {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return 0, nil
	}
	id := ids[m.rng.n(len(ids))]
	return id, m.streams[id]
}

// ask opens a stream.
func (m *model) ask() {
	s := &modelStream{window: m.told[len(m.told)-1], upload: 65535}
	if m.acked {
		s.upload = int64(m.cfg.Limits.StreamWindow)
	}
	s.ended = m.rng.n(2) == 0
	if !s.ended {
		s.left = m.rng.n(1 << (1 + m.rng.n(17)))
	}
	id := m.nextID
	m.nextID += 2
	m.streams[id] = s
	fields := []string{":method", "POST", ":scheme", "http", ":path", fmt.Sprintf("/%d", m.rng.n(1<<(1+m.rng.n(18)))), ":authority", "a"}
	if m.rng.n(3) == 0 {
		fields = append(fields, "priority", fmt.Sprintf("u=%d", m.rng.n(9)))
	}
	if !s.ended && m.rng.n(2) == 0 {
		fields = append(fields, "content-length", fmt.Sprint(s.left))
	}
	var block []byte
	for i := 0; i < len(fields); i += 2 {
		block = m.enc.AppendField(block, []byte(fields[i]), []byte(fields[i+1]), m.rng.n(4) == 0)
	}
	m.wire = AppendHeadersFrames(m.wire, id, block, s.ended, 4+m.rng.n(100))
}

// sendBody sends DATA within the windows.
func (m *model) sendBody() {
	id, s := m.pick()
	if s == nil || s.ended || s.reset {
		return
	}
	room := int(max(min(s.upload, m.upload), 0))
	pad := -1
	if m.rng.n(3) == 0 && room > 1 {
		pad = m.rng.n(min(room-1, 255) + 1)
		room -= pad + 1
	}
	n := min(s.left, room, 1+m.rng.n(16384-256))
	end := n == s.left && m.rng.n(3) > 0
	h := FrameHeader{n + pad + 1, FrameData, 0, id}
	if end {
		h.Flags |= FlagEndStream
		s.ended = true
	}
	if pad >= 0 {
		h.Flags |= FlagPadded
	}
	m.wire = AppendFrameHeader(m.wire, h)
	if pad >= 0 {
		m.wire = append(m.wire, byte(pad))
	}
	m.wire = append(m.wire, make([]byte, n+max(pad, 0))...)
	s.left -= n
	s.upload -= int64(h.Length)
	m.upload -= int64(h.Length)
	m.forget(id, s)
}

// forget: a stream that both sides have ended is over for the client.
func (m *model) forget(id uint32, s *modelStream) {
	if s.ended && s.done {
		delete(m.streams, id)
	}
}

// credit opens our windows.
func (m *model) credit() {
	n := int64(1 + m.rng.n(1<<(1+m.rng.n(16))))
	m.wire = AppendWindowUpdateFrame(m.wire, 0, uint32(n))
	m.window += n
	if id, s := m.pick(); s != nil && !s.reset {
		m.wire = AppendWindowUpdateFrame(m.wire, id, uint32(n))
		s.window += n
	}
}

// oddity is something rare.
func (m *model) oddity() {
	id, s := m.pick()
	switch m.rng.n(8) {
	case 0:
		if s != nil && !s.reset {
			m.wire = AppendRSTStreamFrame(m.wire, id, CodeCancel)
			s.reset = true
		}
	case 1:
		window := int64(m.rng.n(1 << (1 + m.rng.n(17))))
		m.wire = AppendSettingsFrame(m.wire, Setting{SettingInitialWindowSize, uint32(window)},
			Setting{SettingHeaderTableSize, uint32(m.rng.n(8192))})
		m.told = append(m.told, window)
		for _, s := range m.streams {
			s.window += window - m.told[len(m.told)-2]
		}
	case 2:
		m.wire = AppendPingFrame(m.wire, [8]byte{1}, m.rng.n(2) == 0)
	case 3:
		m.wire = AppendPriorityUpdateFrame(m.wire, uint32(2*m.rng.n(int(m.nextID)+10)+1), fmt.Sprintf("u=%d, i=?%d", m.rng.n(8), m.rng.n(2)))
	case 4:
		m.wire = AppendFrameHeader(m.wire, FrameHeader{Type: FrameType(0x20 + m.rng.n(100)), ID: uint32(m.rng.n(10))})
	case 5:
		m.wire = AppendPriorityFrame(m.wire, uint32(m.rng.n(100)+1), PriorityParam{Dependency: 200})
	case 6:
		m.c.Ping()
	case 7:
		if s != nil && !s.ended && !s.reset && s.left == 0 { // trailers
			m.wire = AppendHeadersFrames(m.wire, id, m.enc.AppendField(nil, []byte("x"), []byte("y"), false), true, 16384)
			s.ended = true
			m.forget(id, s)
		}
	}
}

// feed has us read up to n bytes.
func (m *model) feed(n int) {
	b := m.wire[:min(n, len(m.wire))]
	m.wire = m.wire[len(b):]
	for len(b) > 0 {
		k := m.c.Feed(m.now, b[:len(b):len(b)])
		b = b[k:]
		ev, ok := m.c.Next()
		if ok {
			m.event(ev)
		} else if k == 0 {
			m.fatalf("nothing is taken, and no event")
		}
	}
	m.checkBounds()
}

func (m *model) event(ev Event) {
	h := m.held[ev.ID]
	switch ev.Kind {
	case EventHead:
		want := 0
		fmt.Sscanf(string(ev.Head.Path), "/%d", &want)
		m.held[ev.ID] = &modelHeld{want: want, ended: ev.End}
		if len(m.held) > m.cfg.Limits.Streams {
			m.fatalf("%d streams are held", len(m.held))
		}
	case EventData:
		h.unread += len(ev.Data)
		h.ended = ev.End
	case EventTrailers:
		h.ended = true
	case EventReset:
		h.gone = true
	case EventReady, EventWindow, EventPong, EventRejected:
		if ev.Kind == EventRejected && ev.Reason != TooManyStreams {
			m.fatalf("%v", ev.Err())
		}
	default:
		m.fatalf("%v: %v", ev.Kind, ev.Err())
	}
}

func (m *model) checkBounds() {
	if n := m.c.streams.count; n > m.cfg.Limits.Streams || n != len(m.held)+m.c.Lingering() || m.c.Lingering() > m.cfg.Limits.Streams/2 {
		m.fatalf("%d streams, %d held, %d linger", n, len(m.held), m.c.Lingering())
	}
	if len(m.c.in.partial) > m.cfg.Limits.FrameBytes || len(m.c.block.joined) > m.cfg.Limits.BlockBytes ||
		len(m.c.closed.ring) > closedKept || len(m.c.early.list) > earlyKept {
		m.fatalf("memory is out of bounds")
	}
	unread := 0
	for _, h := range m.held {
		unread += h.unread
	}
	if got := int(m.c.recvWindow) + int(m.c.consumed) + unread; got > m.cfg.Limits.ConnWindow || got < m.cfg.Limits.ConnWindow-16384 {
		m.fatalf("window %d, consumed %d, unread %d: not %d", m.c.recvWindow, m.c.consumed, unread, m.cfg.Limits.ConnWindow)
	}
}

// own has the owner do something with a stream of its.
func (m *model) own() {
	for id := uint32(1); id < m.nextID; id += 2 {
		h := m.held[id]
		if h == nil || m.rng.n(3) > 0 {
			continue
		}
		switch m.rng.n(4) {
		case 0, 1:
			n := m.rng.n(h.unread + 1)
			m.c.Consumed(id, n)
			h.unread -= n
		case 2:
			m.answer(id, h)
		case 3:
			if m.rng.n(20) == 0 {
				m.c.Reset(id, CodeInternalError)
				h.gone = true
			}
		}
		m.release(id, h)
	}
	if m.rng.n(30) == 0 {
		m.c.EndLingering()
	}
	m.write(1 + m.rng.n(5))
}

func (m *model) answer(id uint32, h *modelHeld) {
	if h.answered || h.gone {
		return
	}
	h.answered = true
	length := int64(-1)
	if m.rng.n(2) == 0 {
		length = int64(h.want)
	}
	out, body, _, err := m.c.AppendResponse(nil, id, &ResponseMeta{Status: 200, Length: length, Fields: fieldsOf("x", fmt.Sprint(id))})
	if err != nil {
		m.fatalf("%v", err)
	}
	m.receive(out)
	if !body {
		h.want = 0
		h.sent = -1 // the end has gone
		return
	}
	if err := m.c.Ready(id, h.want, true); err != nil {
		m.fatalf("%v", err)
	}
}

func (m *model) release(id uint32, h *modelHeld) {
	if h.gone || h.sent < 0 {
		m.c.Release(id)
		delete(m.held, id)
	}
}

// write sends frames of DATA.
func (m *model) write(frames int) {
	for range frames {
		id, n, ok := m.c.Pick(1 + m.rng.n(20000))
		if !ok {
			return
		}
		h := m.held[id]
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(h.sent + i)
		}
		h.sent += n
		end := h.sent == h.want
		m.receive(m.c.AppendData(nil, id, p, end))
		if end {
			h.sent = -1
			m.release(id, h)
		}
	}
}

func (m *model) drain() { m.receive(m.c.AppendOutput(nil)) }

// receive has the client read what we send.
func (m *model) receive(out []byte) {
	for len(out) > 0 {
		h := ParseFrameHeader(out)
		p := out[HeaderBytes : HeaderBytes+h.Length]
		out = out[HeaderBytes+h.Length:]
		if h.Length > 16384 {
			m.fatalf("a frame of %d bytes", h.Length)
		}
		s := m.streams[h.ID]
		switch h.Type {
		case FrameSettings:
			m.receiveSettings(h)
		case FrameWindowUpdate:
			if h.ID == 0 {
				m.upload += int64(be32(p))
			} else if s != nil {
				s.upload += int64(be32(p))
			}
		case FrameHeaders:
			m.dec.Begin(p, &m.str)
			for _, ok := m.dec.Next(); ok; _, ok = m.dec.Next() {
			}
			if err := m.dec.Err(); err != nil || s == nil || s.done || s.head {
				m.fatalf("HEADERS %d: %v %+v", h.ID, err, s)
			}
			s.head = true
			m.ended(h, s)
		case FrameData:
			m.receiveData(h, p, s)
		case FrameRSTStream:
			delete(m.streams, h.ID)
		case FramePing:
			if !h.Flags.Has(FlagAck) {
				m.wire = AppendPingFrame(m.wire, [8]byte(p), true)
			}
		default:
			m.fatalf("%v", h)
		}
	}
}

func (m *model) receiveSettings(h FrameHeader) {
	if !h.Flags.Has(FlagAck) {
		m.wire = AppendSettingsAck(m.wire)
		m.acked = true
		for _, s := range m.streams {
			s.upload += int64(m.cfg.Limits.StreamWindow) - 65535
		}
		return
	}
	if m.told = m.told[1:]; len(m.told) == 0 {
		m.fatalf("more acknowledgements than SETTINGS")
	}
}

func (m *model) receiveData(h FrameHeader, p []byte, s *modelStream) {
	if s == nil || !s.head || s.done {
		m.fatalf("DATA on stream %d: %+v", h.ID, s)
	}
	m.window -= int64(h.Length)
	s.window -= int64(h.Length)
	// The client knows all it sent; we know less. So its windows are upper
	// bounds only when SETTINGS under way do not lower them.
	if m.window < 0 || s.window < 0 && len(m.told) == 1 && h.Length > 0 {
		m.fatalf("DATA beyond the windows: %d of all, %d of stream %d", m.window, s.window, h.ID)
	}
	for _, b := range p {
		if b != byte(s.got) {
			m.fatalf("stream %d: byte %d is %d", h.ID, s.got, b)
		}
		s.got++
	}
	m.ended(h, s)
}

func (m *model) ended(h FrameHeader, s *modelStream) {
	if !h.Flags.Has(FlagEndStream) {
		return
	}
	s.done = true
	if s.ended {
		delete(m.streams, h.ID)
	}
}

// finish goes on with what has been begun; true: all has ended.
func (m *model) finish() bool {
	m.feed(len(m.wire))
	for id := uint32(1); id < m.nextID; id += 2 {
		h := m.held[id]
		if h == nil {
			continue
		}
		m.c.Consumed(id, h.unread)
		h.unread = 0
		m.answer(id, h)
		m.release(id, h)
	}
	m.c.EndLingering()
	m.write(100)
	m.drain()
	for id, s := range m.streams {
		if s.reset {
			delete(m.streams, id)
			continue
		}
		m.wire = AppendWindowUpdateFrame(m.wire, id, 1<<20)
		s.window += 1 << 20
	}
	m.wire = AppendWindowUpdateFrame(m.wire, 0, 1<<20)
	m.window += 1 << 20
	for range 10 {
		m.sendBody()
	}
	if m.window > 1<<30 {
		m.fatalf("it does not end: %d streams, %d held", len(m.streams), len(m.held))
	}
	return len(m.streams) == 0 && len(m.held) == 0 && len(m.told) == 1 && m.c.Streams() == 0
}

func TestModel(t *testing.T) {
	seeds := 400
	if testing.Short() {
		seeds = 50
	}
	for seed := range uint64(seeds) {
		newModel(t, seed, nil).run(500)
	}
}

func FuzzModel(f *testing.F) {
	f.Add(uint64(1), uint16(100))
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) { newModel(t, seed, nil).run(int(steps % 2000)) })
}
