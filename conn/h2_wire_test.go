package conn_test

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"

	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/h2/hpack"
)

// A wire is a client of HTTP/2 that says what it is told to, and takes note of
// what it hears. It acknowledges SETTINGS.
type wire struct {
	r    *rig
	c    net.Conn
	next uint32 // the id of the next request

	out sync.Mutex // held to write

	mu      sync.Mutex
	changed sync.Cond
	heard   heard
	over    bool // nothing comes any more
}

// heard is what came.
type heard struct {
	status  map[uint32]string
	body    map[uint32]int // bytes
	ended   map[uint32]bool
	resets  map[uint32]h2.Code
	codes   []h2.Code // of GOAWAY
	pings   int       // answers
	pushes  int
	strange int // frames that no server sends
}

// greeted opens a connection, greets and waits for the server's greeting.
func (r *rig) greeted(settings ...h2.Setting) *wire {
	r.Helper()
	w := r.silent(r.dial(), settings...)
	w.hear()
	w.ping()
	return w
}

// wire is a client that has said nothing.
func (r *rig) wire(c net.Conn) *wire {
	w := &wire{r: r, c: c, next: 1}
	w.changed.L = &w.mu
	w.heard = heard{status: map[uint32]string{}, body: map[uint32]int{}, ended: map[uint32]bool{}, resets: map[uint32]h2.Code{}}
	return w
}

// silent greets and reads nothing.
func (r *rig) silent(c net.Conn, settings ...h2.Setting) *wire {
	r.Helper()
	w := r.wire(c)
	if err := w.say(h2.AppendSettingsFrame([]byte(h2.Preface), settings...)); err != nil {
		r.Fatal(err)
	}
	return w
}

func (w *wire) say(b []byte) error {
	w.out.Lock()
	defer w.out.Unlock()
	_, err := w.c.Write(b)
	return err
}

// hear starts to read, until the end of the connection.
func (w *wire) hear() {
	go func() {
		w.listen()
		w.mu.Lock()
		w.over = true
		w.mu.Unlock()
		w.changed.Broadcast()
	}()
}

func (w *wire) listen() {
	lim := hpack.DefaultLimits()
	dec, scratch := hpack.NewDecoder(4096, &lim), new(hpack.Scratch)
	b := make([]byte, h2.HeaderBytes+16384)
	for {
		if _, err := io.ReadFull(w.c, b[:h2.HeaderBytes]); err != nil {
			return
		}
		f := h2.ParseFrameHeader(b)
		if f.Length > 16384 {
			w.r.Errorf("a frame of %d bytes", f.Length)
			return
		}
		p := b[h2.HeaderBytes : h2.HeaderBytes+f.Length]
		if _, err := io.ReadFull(w.c, p); err != nil {
			return
		}
		if f.Type == h2.FrameSettings && !f.Flags.Has(h2.FlagAck) {
			w.say(h2.AppendSettingsAck(nil)) // the end is seen by reading
		}
		status := ""
		if f.Type == h2.FrameHeaders {
			dec.Begin(p, scratch)
			for field, ok := dec.Next(); ok; field, ok = dec.Next() {
				if string(field.Name) == ":status" {
					status = string(field.Value)
				}
			}
		}
		w.mu.Lock()
		w.heard.frame(f, p, status)
		w.mu.Unlock()
		w.changed.Broadcast()
	}
}

func (h *heard) frame(f h2.FrameHeader, p []byte, status string) {
	switch f.Type {
	case h2.FrameHeaders:
		h.status[f.ID] += status
		h.ended[f.ID] = f.Flags.Has(h2.FlagEndStream)
	case h2.FrameData:
		h.body[f.ID] += len(p)
		h.ended[f.ID] = f.Flags.Has(h2.FlagEndStream)
	case h2.FrameRSTStream:
		h.resets[f.ID] = h2.Code(binary.BigEndian.Uint32(p))
	case h2.FrameGoAway:
		h.codes = append(h.codes, h2.Code(binary.BigEndian.Uint32(p[4:])))
	case h2.FramePing:
		h.pings++
	case h2.FramePushPromise:
		h.pushes++
	case h2.FrameSettings, h2.FrameWindowUpdate:
	default:
		h.strange++
	}
}

// until waits for ok, or the end of the connection, and answers ok.
func (w *wire) until(ok func(*heard) bool) bool {
	w.r.Helper()
	late := time.AfterFunc(patience, func() { w.c.Close() })
	defer late.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for !ok(&w.heard) && !w.over {
		w.changed.Wait()
	}
	return ok(&w.heard)
}

// ping waits until the server has seen all that was said, and reports whether it
// goes on.
func (w *wire) ping() bool {
	w.r.Helper()
	w.mu.Lock()
	want := w.heard.pings + 1
	w.mu.Unlock()
	w.say(h2.AppendPingFrame(nil, [8]byte{}, false)) // the end is seen by reading
	return w.until(func(h *heard) bool { return h.pings >= want }) && !w.isOver()
}

func (w *wire) isOver() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.over
}

// flood says piece until the server has had enough, or n times, and answers how
// often.
func (w *wire) flood(n int, piece func(i int) []byte) (said int) {
	w.r.Helper()
	for said < n {
		if w.say(piece(said)) != nil {
			break
		}
		if said++; said%100 == 0 && !w.ping() {
			break
		}
	}
	return said
}

// The fields of GET http://x/ and POST http://x/, without the use of a table.
const (
	getBlock  = "\x82\x86\x84\x01\x01x"
	postBlock = "\x83\x86\x84\x01\x01x"
)

// head appends a request's head, and gives it an id.
func (w *wire) head(dst []byte, block string, end bool) ([]byte, uint32) {
	id := w.next
	w.next += 2
	return h2.AppendHeadersFrames(dst, id, []byte(block), end, 16384), id
}

// raw appends any frame.
func raw(dst []byte, kind h2.FrameType, flags h2.Flags, id uint32, payload string) []byte {
	dst = h2.AppendFrameHeader(dst, h2.FrameHeader{Length: len(payload), Type: kind, Flags: flags, ID: id})
	return append(dst, payload...)
}

// wantGoAway fails unless the server ended the connection with one of these
// codes.
func (w *wire) wantGoAway(why string, codes ...h2.Code) {
	w.r.Helper()
	w.until(func(*heard) bool { return false })
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, code := range codes {
		if n := len(w.heard.codes); n > 0 && w.heard.codes[n-1] == code {
			return
		}
	}
	w.r.Errorf("%s: GOAWAYs %v, want %v", why, w.heard.codes, codes)
}

// wantReset fails unless the server ended the stream with that code, and went
// on.
func (w *wire) wantReset(why string, id uint32, code h2.Code) {
	w.r.Helper()
	reset := w.until(func(h *heard) bool { _, ok := h.resets[id]; return ok })
	w.mu.Lock()
	got := w.heard.resets[id]
	w.mu.Unlock()
	if !reset || got != code {
		w.r.Errorf("%s: reset %v with %v, want %v", why, reset, got, code)
	}
	if !w.ping() {
		w.r.Errorf("%s: the connection has ended", why)
	}
}
