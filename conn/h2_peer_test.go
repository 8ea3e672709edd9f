package conn_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/h2/hpack"
	"github.com/uringserve/uringserve/ring/mem"
)

// An h2peer is a client of HTTP/2 in the simulator that keeps the rules: it
// answers SETTINGS and PING, keeps to the server's windows, opens its own a little
// at a time, and opens no stream after a GOAWAY.
type h2peer struct {
	s   *sim
	p   *mem.Peer
	rng *rand.Rand
	enc *hpack.Encoder
	dec *hpack.Decoder

	in, out  []byte
	window   int  // of our streams, in bytes
	room     int  // what the server takes on the connection, in bytes
	initial  int  // and at first on a stream
	owed     int  // what came and was not given back to the connection's window
	connects bool // the server takes extended CONNECT
	goaway   bool
	planned  []*h2ask // not opened
	asks     []*h2ask // opened, by id: 1, 3, 5, …
	more     bool     // there is more to be done at once
	finished bool     // our FIN was sent
}

// An h2ask is a stream, from the client's end.
type h2ask struct {
	id     uint32
	fields [][2]string
	out    []byte // DATA to be sent
	whole  bool   // END_STREAM goes with the last of it, else when the server ends
	quitAt int    // RST_STREAM when no more than that is left of out; -1: not at all

	heard func(p []byte) // DATA has come; may be nil
	// judge says what is wrong with what has come in the end.
	judge func() error

	room      int
	owed      int
	head      string
	body      []byte
	sent      bool // END_STREAM
	ended     bool // by the server
	quit      bool // by us
	resetBy   bool // by the server
	resetWith h2.Code
}

func (k *h2ask) over() bool { return k.ended && k.sent || k.quit || k.resetBy }

// newH2Peer connects; windows of its streams are as large.
func newH2Peer(s *sim, p *mem.Peer, rng *rand.Rand, window int) *h2peer {
	lim := hpack.DefaultLimits()
	k := &h2peer{s: s, p: p, rng: rng, enc: hpack.NewEncoder(4096), dec: hpack.NewDecoder(4096, &lim),
		window: window, room: 65535, initial: 65535}
	k.out = h2.AppendSettingsFrame([]byte(h2.Preface), h2.Setting{ID: h2.SettingInitialWindowSize, Value: uint32(window)})
	return k
}

// talk asks all that is planned, and reads to the server's FIN.
func (k *h2peer) talk() error {
	b := make([]byte, 1+k.rng.IntN(8192))
	for {
		k.s.WaitFor(func() bool { return k.p.Readable() || k.p.Writable() && (k.more || len(k.out) > 0) })
		n, err := k.p.Read(b[:1+k.rng.IntN(len(b))])
		k.in = append(k.in, b[:n]...)
		switch {
		case err == io.EOF:
			return k.judge()
		case err != nil:
			return err
		}
		if err := k.frames(); err != nil {
			return err
		}
		if k.act(); k.finished {
			k.out = nil // nobody would read it
		}
		if n, err = k.p.Write(k.out); err != nil {
			return err
		}
		k.out = k.out[n:]
		if k.rng.IntN(6) == 0 {
			k.s.Sleep(time.Duration(k.rng.IntN(2000)) * time.Microsecond)
		}
	}
}

// act says something more, or puts it off.
func (k *h2peer) act() {
	k.more = false
	if k.connects && !k.goaway && len(k.planned) > 0 {
		if k.more = true; k.rng.IntN(3) == 0 {
			k.open(k.planned[0])
			k.planned = k.planned[1:]
		}
	}
	over := k.connects && !k.more
	for _, a := range k.asks {
		k.send(a)
		k.giveBack(a)
		over = over && a.over()
	}
	if k.owed > 30000 {
		k.out = h2.AppendWindowUpdateFrame(k.out, 0, uint32(k.owed))
		k.owed = 0
	}
	switch {
	case !over || k.finished:
	case len(k.out) > 0:
		k.more = true
	default:
		k.finished = true
		k.p.CloseWrite()
	}
}

func (k *h2peer) open(a *h2ask) {
	a.id, a.room = uint32(2*len(k.asks)+1), k.initial
	k.asks = append(k.asks, a)
	var block []byte
	for _, f := range a.fields {
		block = k.enc.AppendField(block, []byte(f[0]), []byte(f[1]), false)
	}
	a.sent = a.whole && len(a.out) == 0
	k.out = h2.AppendHeadersFrames(k.out, a.id, block, a.sent, 16384)
}

// send sends what the windows allow, or a part of it.
func (k *h2peer) send(a *h2ask) {
	if a.quitAt >= len(a.out) && !a.over() {
		a.quit = true
		k.out = h2.AppendRSTStreamFrame(k.out, a.id, h2.CodeCancel)
	}
	n := min(len(a.out), a.room, k.room, 16384)
	if n > 1 && k.rng.IntN(2) == 0 {
		n = 1 + k.rng.IntN(n)
	}
	end := len(a.out) == max(n, 0) && (a.whole || a.ended)
	if a.over() || a.sent || n <= 0 && !end {
		return
	}
	n = max(n, 0)
	k.out = h2.AppendDataFrame(k.out, a.id, a.out[:n], end)
	a.out, a.sent = a.out[n:], end
	a.room -= n
	k.room -= n
	k.more = k.more || !end && min(len(a.out), a.room, k.room) > 0
}

// giveBack opens the stream's window again, when half of it was used.
func (k *h2peer) giveBack(a *h2ask) {
	if a.owed > k.window/2 && !a.over() && !a.ended {
		k.out = h2.AppendWindowUpdateFrame(k.out, a.id, uint32(a.owed))
		a.owed = 0
	}
}

// frames takes what has come.
func (k *h2peer) frames() error {
	for len(k.in) >= h2.HeaderBytes {
		h := h2.ParseFrameHeader(k.in)
		if len(k.in) < h2.HeaderBytes+h.Length {
			break
		}
		p := k.in[h2.HeaderBytes : h2.HeaderBytes+h.Length]
		k.in = k.in[h2.HeaderBytes+h.Length:]
		if err := k.frame(h, p); err != nil {
			return fmt.Errorf("%v: %w", h, err)
		}
	}
	return nil
}

func (k *h2peer) frame(h h2.FrameHeader, p []byte) error {
	switch h.Type {
	case h2.FrameSettings:
		if !h.Flags.Has(h2.FlagAck) {
			k.settings(p)
		}
	case h2.FramePing:
		if !h.Flags.Has(h2.FlagAck) {
			k.out = h2.AppendPingFrame(k.out, [8]byte(p), true)
		}
	case h2.FrameGoAway:
		k.goaway = true
		if code := h2.Code(binary.BigEndian.Uint32(p[4:])); code != h2.CodeNoError {
			return fmt.Errorf("%v %q", code, p[8:])
		}
		if last := binary.BigEndian.Uint32(p); last < uint32(2*len(k.asks)-1) && len(k.asks) > 0 {
			return fmt.Errorf("%d streams were opened, and %d is the last: %q", len(k.asks), last, p[8:])
		}
	case h2.FrameWindowUpdate:
		n := int(binary.BigEndian.Uint32(p))
		if h.ID == 0 {
			k.room += n
		} else {
			k.asks[h.ID/2].room += n
		}
	default:
		return k.onStream(k.asks[h.ID/2], h, p)
	}
	return nil
}

func (k *h2peer) settings(p []byte) {
	for ; len(p) >= 6; p = p[6:] {
		switch v := binary.BigEndian.Uint32(p[2:]); h2.SettingID(binary.BigEndian.Uint16(p)) {
		case h2.SettingInitialWindowSize:
			for _, a := range k.asks {
				a.room += int(v) - k.initial
			}
			k.initial = int(v)
		case h2.SettingEnableConnect:
			k.connects = v == 1
		}
	}
	k.out = h2.AppendSettingsAck(k.out)
}

func (k *h2peer) onStream(a *h2ask, h h2.FrameHeader, p []byte) error {
	if a.ended && h.Type != h2.FrameRSTStream || a.resetBy {
		return fmt.Errorf("after the end of the stream")
	}
	switch h.Type {
	case h2.FrameHeaders:
		var text strings.Builder
		scratch := new(hpack.Scratch)
		k.dec.Begin(p, scratch)
		for f, ok := k.dec.Next(); ok; f, ok = k.dec.Next() {
			fmt.Fprintf(&text, "%s=%s ", f.Name, f.Value)
		}
		if a.head != "" || k.dec.Err() != nil {
			return fmt.Errorf("%q after %q, %v", &text, a.head, k.dec.Err())
		}
		a.head = text.String()
	case h2.FrameData:
		k.owed += len(p)
		a.owed += len(p)
		a.body = append(a.body, p...)
		if a.heard != nil && !a.quit {
			a.heard(p)
		}
	case h2.FrameRSTStream:
		a.resetBy, a.resetWith = true, h2.Code(binary.BigEndian.Uint32(p))
		return nil
	}
	a.ended = h.Flags.Has(h2.FlagEndStream)
	return nil
}

// judge says what is wrong in the end.
func (k *h2peer) judge() error {
	if !k.finished && !k.goaway {
		return fmt.Errorf("the server ended the connection")
	}
	for _, a := range k.asks {
		if a.quit {
			continue
		}
		var err error
		switch {
		case a.resetBy && a.resetWith != h2.CodeNoError:
			err = fmt.Errorf("reset with %v", a.resetWith)
		case !a.ended:
			err = fmt.Errorf("not ended")
		default:
			err = a.judge()
		}
		if err != nil {
			return fmt.Errorf("stream %d, %.60q: %w", a.id, a.head, err)
		}
	}
	return nil
}
