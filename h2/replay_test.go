package h2

import (
	"fmt"
	"strings"
)

// A replayer does what an owner does with what it receives, and logs the
// events and, at the end, our output. An owner that answers every request with
// 204 when its end has come, and releases it. The log must not depend on how
// the input is cut: DATA in pieces is logged as one.
type replayer struct {
	c      *Conn
	log    strings.Builder
	out    []byte
	data   []byte
	stream uint32          // that data is of
	wait   map[uint32]bool // requests that are not answered
	failed bool
}

// replay is the log of pieces of input, which come one after the other.
func replay(pieces ...[]byte) string {
	cfg := DefaultConfig()
	cfg.ConnectProtocol = true
	r := &replayer{c: NewConn(cfg, new(Scratch)), wait: map[uint32]bool{}}
	r.out = r.c.AppendOutput(nil)
	skip := len(r.out)
	for _, b := range pieces {
		for len(b) > 0 {
			b = b[r.c.Feed(1, b):]
			if ev, ok := r.c.Next(); ok {
				r.event(ev)
			}
		}
	}
	r.flush(0)
	switch {
	case r.failed:
	case r.c.block.open:
		r.log.WriteString("in a field block\n")
	case r.c.in.phase != phaseHeader || len(r.c.in.partial) > 0:
		r.log.WriteString("in a frame\n")
	}
	r.logOutput(r.c.AppendOutput(r.out)[skip:])
	return r.log.String()
}

func (r *replayer) event(ev Event) {
	if ev.Kind == EventData {
		if r.stream != ev.ID {
			r.flush(ev.ID)
		}
		r.data = append(r.data, ev.Data...)
		if ev.End {
			r.flush(0)
			fmt.Fprintf(&r.log, "end %d\n", ev.ID)
			r.answer(ev.ID)
		}
		return
	}
	r.flush(0)
	switch ev.Kind {
	case EventHead:
		r.logHead(ev)
	case EventRefusal:
		fmt.Fprintf(&r.log, "refusal %d %d: %s\n", ev.ID, ev.Status, ev.Reason)
	case EventTrailers:
		fmt.Fprintf(&r.log, "trailers %d\n", ev.ID)
		for name, value := range ev.Trailers.All() {
			fmt.Fprintf(&r.log, "  %q: %q\n", name, value)
		}
	case EventReset, EventRejected, EventGoAway:
		fmt.Fprintf(&r.log, "%s: %v\n", ev.Kind, ev.Err())
		if ev.Kind == EventReset {
			r.c.Release(ev.ID)
		}
	case EventWindow:
		fmt.Fprintf(&r.log, "window %d\n", ev.ID)
	case EventFailed:
		r.failed = true
		fmt.Fprintf(&r.log, "%v\n", ev.Err())
	default:
		fmt.Fprintf(&r.log, "%s\n", ev.Kind)
	}
	if ev.End {
		r.answer(ev.ID)
	}
}

func (r *replayer) answer(id uint32) {
	if r.wait[id] {
		return
	}
	out, _, _, err := r.c.AppendResponse(r.out, id, &ResponseMeta{Status: 204})
	if err != nil {
		panic(err)
	}
	r.out = out
	r.c.Release(id)
}

// flush logs the data so far; more of another stream follows.
func (r *replayer) flush(next uint32) {
	if len(r.data) > 64 {
		fmt.Fprintf(&r.log, "data %d %d bytes\n", r.stream, len(r.data))
	} else if len(r.data) > 0 {
		fmt.Fprintf(&r.log, "data %d %q\n", r.stream, r.data)
	}
	r.data, r.stream = r.data[:0], next
}

func (r *replayer) logHead(ev Event) {
	h := ev.Head
	r.wait[ev.ID] = string(h.Path) == "/wait"
	fmt.Fprintf(&r.log, "head %d %s %s scheme=%s host=%q path=%s query=%q length=%d", ev.ID, h.Method, quoted(h.Target), h.Scheme, h.Host, quoted(h.Path), h.Query, h.Length)
	if h.Expect100 {
		r.log.WriteString(" expect-100")
	}
	if len(h.Protocol) > 0 {
		fmt.Fprintf(&r.log, " protocol=%q", h.Protocol)
	}
	if ev.End {
		r.log.WriteString(" end")
	}
	r.log.WriteByte('\n')
	for name, value := range h.Fields.All() {
		fmt.Fprintf(&r.log, "  %q: %s\n", name, quoted(value))
	}
}

// quoted is b for people, not too long.
func quoted(b []byte) string {
	if len(b) > 64 {
		return fmt.Sprintf("(%d bytes)", len(b))
	}
	return fmt.Sprintf("%q", b)
}

func (r *replayer) logOutput(out []byte) {
	last, times := "", 0
	say := func(line string) {
		if line == last {
			times++
			return
		}
		if times > 1 {
			fmt.Fprintf(&r.log, "> … %d times\n", times)
		}
		last, times = line, 1
		if line != "" {
			r.log.WriteString(line)
		}
	}
	for len(out) > 0 {
		h := ParseFrameHeader(out)
		p := out[HeaderBytes : HeaderBytes+h.Length]
		out = out[HeaderBytes+h.Length:]
		switch h.Type {
		case FrameRSTStream:
			say(fmt.Sprintf("> RST_STREAM %d %v\n", h.ID, Code(be32(p))))
		case FrameGoAway:
			say(fmt.Sprintf("> GOAWAY last=%d %v\n", be32(p), Code(be32(p[4:]))))
		case FrameWindowUpdate:
			say(fmt.Sprintf("> WINDOW_UPDATE %d %d\n", h.ID, be32(p)))
		case FrameSettings:
			say(fmt.Sprintf("> SETTINGS ack=%v\n", h.Flags.Has(FlagAck)))
		case FramePing:
			say(fmt.Sprintf("> PING ack=%v %q\n", h.Flags.Has(FlagAck), p))
		default:
			say(fmt.Sprintf("> %v %d flags=%#x length=%d\n", h.Type, h.ID, uint8(h.Flags), h.Length))
		}
	}
	say("")
}
