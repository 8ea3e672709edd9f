package conn

import (
	"net"

	"github.com/uringserve/uringserve/ring"
)

// maxPiece is how much plaintext SendNow encrypts at a time, in bytes: a record
// (RFC 8446 §5.1).
const maxPiece = 1 << 14

// Send encrypts b and sends the records: in one piece, unless they are more
// than ring.MaxSend.
func (s *secure) Send(b []byte) {
	if s.state != secureOpen || s.flags&secureBroken != 0 {
		return
	}
	if invariants && (s.flags&(secureOwed|secureFIN) != 0 || int(s.ahead) > len(b)) {
		panic("BUG: Send while one is outstanding, after CloseWrite, or of other bytes than SendNow was offered")
	}
	s.flags |= secureOwed
	b = b[s.ahead:]
	s.ahead = 0
	if len(b) == 0 {
		s.push(nil)
		return
	}
	records, err := s.tc.AppendData(s.c.l.tls.records[:0], b)
	if err != nil {
		s.callOff()
		return
	}
	s.push(records)
}

// SendNow encrypts b record by record, and offers each to the kernel. One that
// is not taken whole cannot be taken back: it counts as not sent, and is
// skipped when the next Send brings the same bytes.
func (s *secure) SendNow(b []byte) (sent int) {
	if s.state != secureOpen || s.out != nil || s.flags&(secureSending|secureOwed|secureFIN|secureBroken) != 0 {
		return 0
	}
	for sent < len(b) {
		piece := b[sent:min(len(b), sent+maxPiece)]
		records, err := s.tc.AppendData(s.c.l.tls.records[:0], piece)
		if err != nil {
			s.callOff()
			return sent
		}
		s.c.l.tls.keepRecords(records)
		if n := s.rc.SendNow(records); n < len(records) {
			s.store(records[n:])
			s.ahead = int32(len(piece))
			return sent
		}
		sent += len(piece)
	}
	return sent
}

// callOff has conn told, later, that s is broken: tc takes no data.
func (s *secure) callOff() {
	s.flags |= secureBroken | secureCallsOff
	s.post()
}

// flush sends what tc has to send by itself, when the engine is free.
func (s *secure) flush() {
	if s.flags&(secureSending|secureFIN|secureBroken) == 0 && s.tc.HasOutput() {
		s.push(s.tc.AppendOutput(s.c.l.tls.records[:0]))
	}
}

// push sends b, which is in the loop's memory for records, behind what waits.
func (s *secure) push(b []byte) {
	s.c.l.tls.keepRecords(b)
	if s.flags&secureSending == 0 && s.out == nil && len(b) > 0 {
		n := min(len(b), ring.MaxSend)
		s.sendPiece(b[:n])
		b = b[n:]
	}
	if len(b) > 0 {
		s.store(b)
	}
	if s.out == nil {
		return
	}
	if s.flags&secureSending == 0 {
		s.sendOut()
		return
	}
	s.c.l.hurry() // the rest waits for Sent
}

// store keeps ciphertext for later.
func (s *secure) store(b []byte) {
	if s.out == nil {
		s.out, s.outPos = getBuffer(), 0
	}
	s.out.B = append(s.out.B, b...)
}

// sendOut sends a piece of what waits. Something may depend on its being Sent,
// which conn cannot know.
func (s *secure) sendOut() {
	b := s.out.B[s.outPos:]
	b = b[:min(len(b), ring.MaxSend)]
	s.sendPiece(b)
	s.outPos += int32(len(b))
	if int(s.outPos) == len(s.out.B) {
		putIfHeld(&s.out)
		s.endWrite()
	}
	s.c.l.hurry()
}

func (s *secure) sendPiece(b []byte) {
	s.rc.Send(b)
	s.flags |= secureSending
}

// CloseWrite sends close_notify, then a FIN, after everything sent before.
func (s *secure) CloseWrite() {
	if s.flags&(secureFIN|secureBroken) != 0 || s.state != secureOpen && s.state != secureRefused {
		return
	}
	// RFC 8446 §6.1: each party MUST send a close_notify alert before closing
	// its write side. AppendCloseNotify leaves it out after a failed handshake.
	records := s.tc.AppendCloseNotify(s.c.l.tls.records[:0])
	s.push(records)
	s.flags |= secureFIN
	s.endWrite()
}

// endWrite passes CloseWrite on, once the engine has everything.
func (s *secure) endWrite() {
	if s.flags&(secureFIN|secureFINSent) == secureFIN && s.out == nil {
		s.flags |= secureFINSent
		s.rc.CloseWrite()
	}
}

// Close ends the connection, with close_notify if there is a way to send it: the
// kernel takes it at once, as a rule. Otherwise it has LingerTimeout.
func (s *secure) Close() {
	if s.state >= secureClosing {
		return
	}
	if s.state == secureHandshaking || s.flags&(secureFIN|secureBroken) != 0 {
		s.hangUp()
		return
	}
	records := s.tc.AppendCloseNotify(s.c.l.tls.records[:0])
	s.c.l.tls.keepRecords(records)
	if s.out == nil && s.flags&secureSending == 0 {
		if len(records) > 0 {
			records = records[s.rc.SendNow(records):]
		}
		if len(records) == 0 {
			s.hangUp()
			return
		}
	}
	s.state = secureClosing
	s.push(records)
	s.c.l.hurry()
	s.c.setTimer(TimeoutLinger, s.c.l.srv.limits.LingerTimeout)
}

// hangUp closes the engine's connection.
func (s *secure) hangUp() {
	s.state = secureClosed
	s.c.stopTimer()
	s.rc.Close()
}

// Abort resets the connection.
func (s *secure) Abort() {
	s.state = secureClosed
	s.rc.Abort()
}

// RemoteAddr is ring.Conn's.
func (s *secure) RemoteAddr() net.Addr { return s.rc.RemoteAddr() }

// LocalAddr is ring.Conn's.
func (s *secure) LocalAddr() net.Addr { return s.rc.LocalAddr() }

// Listener is ring.Conn's.
func (s *secure) Listener() int { return s.rc.Listener() }
