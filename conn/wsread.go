package conn

import (
	"encoding/binary"
	"fmt"

	"github.com/valyala/bytebufferpool"

	"github.com/uringserve/uringserve/app"
	appws "github.com/uringserve/uringserve/app/ws"
	"github.com/uringserve/uringserve/h1/ws"
	"github.com/uringserve/uringserve/ring"
)

// What comes is fed to the engine where it lies, in the leased buffer, and a
// message is given to the handler as it lies there. While a callback runs
// without the loop, what comes is read ahead, so that Pings are answered and a
// Close is seen: messages then wait in ahead, in copies. A message that takes long
// to decompress is, in turns with all else that there is on loop. All of this is on
// loop, but that the callback reads msg.

// wsInput is what was received and is not done with.
type wsInput struct {
	// The source: what the engine was fed, and msg may lie in; leased, or of
	// our own. Nothing else is fed while a message of it is handled.
	lease    ring.Buf
	own      *bytebufferpool.ByteBuffer
	inSource bool // msg lies there

	taken ws.Taken                   // or msg lies here
	more  *bytebufferpool.ByteBuffer // received behind the source, not read
	ahead *bytebufferpool.ByteBuffer // messages read ahead: kind, length, bytes; from aheadAt on
	at    int                        // in ahead

	inflating bool // a message is being decompressed; in loop.inflates

	ponged   *bytebufferpool.ByteBuffer // of a Ping that is to be answered
	answered bool                       // the loop has written to sink
}

// aheadHead is the length of what stands before a message in ahead, in bytes.
const aheadHead = 1 + 4

// errNoClose is why a connection ended whose peer just left.
var errNoClose = fmt.Errorf("%w: it ended without a Close", app.ErrGone)

// recv takes bytes from the peer, and the lease.
func (s *wsSession) recv(b ring.Buf) {
	s.heardNow()
	if s.running || s.more != nil || s.inflating {
		s.recvCopy(b.Bytes())
		b.Release()
		return
	}
	s.lease = b
	s.feed(b.Bytes())
	s.goOn()
}

// feed has the engine read b next.
func (s *wsSession) feed(b []byte) {
	s.mu.Lock()
	s.x.Feed(b)
	s.mu.Unlock()
}

// recvCopy takes bytes that are valid now only.
func (s *wsSession) recvCopy(p []byte) {
	s.heardNow()
	s.keep(s.x.TakeRest())
	s.keep(p)
	if s.running {
		s.readAhead()
		return
	}
	s.goOn()
}

// keep appends p to what is to be read. p is copied.
func (s *wsSession) keep(p []byte) {
	if len(p) == 0 || s.parted {
		return
	}
	if s.more == nil {
		s.more = getBuffer()
	}
	s.more.B = append(s.more.B, p...)
}

// goOn has the next callback dispatched, if there is one; else what was
// answered is sent.
func (s *wsSession) goOn() {
	if s.next() {
		s.running = true
		s.l.rl.Dispatch(s)
		return
	}
	s.flushIfAny()
}

// recvEnd takes note of the peer's FIN. What came before it is handled.
func (s *wsSession) recvEnd() {
	s.eof = true
	s.cancel(errNoClose)
	if !s.running {
		s.goOn()
	}
}

// next finds the next callback; false: there is none, for now. No callback
// runs.
func (s *wsSession) next() bool {
	for s.phase == wsOpen {
		switch {
		case s.takeAhead():
			return true
		case s.parted:
			s.part()
		case s.inflating:
			s.tellHolding()
			return false
		case s.readMessage():
			return true
		case s.parted, s.inflating: // from now on
		case s.feedMore():
		case s.eof:
			s.endedByPeer()
		default:
			s.tellHolding()
			return false
		}
	}
	if s.phase != wsOver {
		return false
	}
	s.setPhase(wsEnded)
	s.call, s.msg = wsCallClose, nil
	return true
}

// takeAhead makes the next message that was read ahead the one to be handled.
func (s *wsSession) takeAhead() bool {
	if s.ahead == nil {
		return false
	}
	if s.at == len(s.ahead.B) || s.closing() {
		putIfHeld(&s.ahead)
		s.at = 0
		return false
	}
	if s.at > len(s.ahead.B)/2 { // or it would grow for ever
		s.ahead.B = s.ahead.B[:copy(s.ahead.B, s.ahead.B[s.at:])]
		s.at = 0
	}
	b := s.ahead.B[s.at:]
	n := aheadHead + int(binary.LittleEndian.Uint32(b[1:]))
	s.call, s.kind, s.msg, s.inSource = wsCallMessage, ws.Opcode(b[0]), b[aheadHead:n:n], false
	s.at += n
	return true
}

// closing reports whether we have sent a Close: messages are not handled any
// more.
func (s *wsSession) closing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.x.State() == ws.CloseSent
}

// readMessage reads to the next message of the source, which is dropped if there
// is none.
func (s *wsSession) readMessage() bool {
	s.mu.Lock()
	for {
		ev, err := s.x.Next()
		switch {
		case s.took(&ev, err):
		case ev.Kind == ws.EventMessage:
			if s.x.State() == ws.CloseSent {
				continue
			}
			s.taken = s.x.TakeData()
			s.mu.Unlock()
			s.l.m.ws.in++
			s.call, s.kind, s.msg, s.inSource = wsCallMessage, ev.Opcode, ev.Data, s.taken == ws.Taken{}
			return true
		case ev.Kind == ws.EventMore:
			s.mu.Unlock()
			s.keep(s.x.TakeRest())
			s.dropSource()
			s.inflateLater()
			return false
		default:
			s.mu.Unlock()
			s.dropSource()
			return false
		}
	}
}

// took does what an event is about that is no message; false: it is one, or
// there is none, or nothing that follows matters. s.mu is held.
func (s *wsSession) took(ev *ws.Event, err *ws.Error) bool {
	switch {
	case err != nil:
		s.l.n.ws.rejections[err.Reason].Add(1)
		s.l.logWebSocket(err)
		s.parts(appws.End{Code: err.Code, Reason: err.Reason.String(), Err: err})
		return false
	case ev.Kind == ws.EventClose:
		s.parts(appws.End{Code: ev.Code, Reason: string(ev.Data)})
		return false
	case ev.Kind == ws.EventPing:
		s.l.m.ws.pings++
		s.pong(ev.Data)
		return true
	}
	return ev.Kind == ws.EventPong
}

// parts takes note of the last that comes. s.mu is held.
func (s *wsSession) parts(end appws.End) {
	s.parted = true
	if s.end.Code == 0 {
		s.end = end
	}
}

// part answers the last that came, and ends the connection.
func (s *wsSession) part() {
	s.mu.Lock()
	if s.ponged != nil {
		s.appendPong(s.ponged.B)
	}
	if s.x.State() == ws.CloseReceived {
		code, reason := s.end.Code, ""
		if s.end.Err != nil {
			reason = s.end.Reason
		}
		b := s.sinkBuffer()
		b.B, _ = s.x.AppendClose(b.B, code, reason) // both may be sent
	}
	s.mu.Unlock()
	s.finish()
}

// endedByPeer: its FIN came, and no Close before.
func (s *wsSession) endedByPeer() {
	s.mu.Lock()
	if s.end.Code == 0 {
		s.end = appws.End{Code: ws.AbnormalClosure, Err: errNoClose}
	}
	s.mu.Unlock()
	s.finish()
}

// feedMore makes what came behind the source the source.
func (s *wsSession) feedMore() bool {
	if s.more == nil {
		return false
	}
	s.own, s.more = s.more, nil
	s.feed(s.own.B)
	return true
}

// readAhead reads what came while a callback runs, as far as there is room for
// messages.
func (s *wsSession) readAhead() {
	if !s.inflating && s.hasRoom() {
		in := s.more
		s.more = nil
		s.mu.Lock()
		if in != nil {
			s.x.Feed(in.B)
		}
		again := s.putAllAhead()
		s.mu.Unlock()
		if again {
			s.inflateLater()
		}
		if rest := s.x.TakeRest(); len(rest) > 0 && !s.parted {
			in.B = in.B[:copy(in.B, rest)]
			s.more = in
		} else {
			putIfHeld(&in)
		}
	}
	s.tellHolding()
	s.flushIfAny()
}

// putAllAhead keeps the messages that were fed, while there is room, and reports
// whether it stopped in the midst of one (ws.EventMore). s.mu is held.
func (s *wsSession) putAllAhead() (again bool) {
	for s.hasRoom() {
		ev, err := s.x.Next()
		switch {
		case s.took(&ev, err):
		case ev.Kind != ws.EventMessage:
			return ev.Kind == ws.EventMore
		case s.x.State() != ws.CloseSent:
			s.putAhead(&ev)
		}
	}
	return false
}

// hasRoom reports whether messages may be read ahead.
func (s *wsSession) hasRoom() bool {
	return s.ahead == nil || len(s.ahead.B)-s.at < s.l.srv.limits.MaxRequestBuffer
}

// putAhead keeps a message for later.
func (s *wsSession) putAhead(ev *ws.Event) {
	s.l.m.ws.in++
	if s.ahead == nil {
		s.ahead = getBuffer()
	}
	b := append(s.ahead.B, byte(ev.Opcode))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(ev.Data)))
	s.ahead.B = append(b, ev.Data...)
}

// tellHolding says how much waits here.
func (s *wsSession) tellHolding() {
	if s.t == nil {
		return
	}
	n := 0
	if s.more != nil {
		n = len(s.more.B)
	}
	if s.ahead != nil {
		n += len(s.ahead.B) - s.at
	}
	s.t.holding(n)
}

// Detach copies what the callback will look at, so that the leased buffer can
// go back.
func (s *wsSession) Detach() {
	s.flush()
	if !s.lease.Held() {
		return
	}
	s.keep(s.x.TakeRest())
	if s.call == wsCallMessage && s.inSource {
		s.own = getBuffer()
		s.own.B = append(s.own.B[:0], s.msg...)
		s.msg = s.own.B
	}
	s.lease.Release()
	s.lease = ring.Buf{}
}

// dropMessage gives back what the callback was given.
func (s *wsSession) dropMessage() {
	s.msg = nil
	s.taken.Free()
	if s.phase >= wsOver {
		s.release()
	}
}

// dropSource gives the source back. The engine has read it.
func (s *wsSession) dropSource() {
	if s.lease.Held() {
		s.lease.Release()
		s.lease = ring.Buf{}
	}
	putIfHeld(&s.own)
}

// release drops all that is held of what came, but what a callback has. It may
// come more than once.
func (s *wsSession) release() {
	putIfHeld(&s.more)
	putIfHeld(&s.ponged)
	if s.running {
		return
	}
	putIfHeld(&s.ahead)
	s.mu.Lock()
	if s.phase >= wsOver {
		s.x.Release()
	} else {
		s.x.TakeRest()
	}
	s.mu.Unlock()
	s.dropSource()
}
