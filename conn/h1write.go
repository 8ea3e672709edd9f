package conn

import (
	"errors"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h1"
)

// errSwitching is for a handler that answers 101 and does not take the connection
// over: it would speak HTTP to a client that speaks another protocol by then.
var errSwitching = errors.New("conn: 101 (Switching Protocols) without Hijack or a WebSocket")

// commit frames the head, if that has not been done. s.mu is held.
func (s *h1stream) commit(resp *app.Response) error {
	if s.hijack != nil {
		return app.ErrEnded
	}
	if resp.Committed() {
		return nil
	}
	if err := s.mayCommit(resp); err != nil {
		return err
	}
	srv := s.l.srv
	keep := s.head.KeepAlive && !s.x.Closing() && !s.awaits100 && (!srv.draining.Load() || s.pipelined)
	m := s.meta(-1, datePlaceholder, keep)
	b := s.sinkBuffer()
	start := len(b.B)
	out, framing, declared, keep, err := h1.AppendHead(b.B, &m)
	if err == nil && m.Status == 101 {
		err = errSwitching
	}
	if err != nil {
		resp.Fail(500)
		s.x.MustClose()
		s.badHead = err
		return err
	}
	b.B = out
	if at := findDate(out[start:]); at > 0 {
		s.dateAt = start + at
	}
	s.framing, s.declared = framing, declared
	s.must(s.x.SendHead(keep))
	resp.Commit()
	s.l.n.streamed[min(m.Status/100, 5)].Add(1)
	return nil
}

// appendData frames what is staged. s.mu is held.
func (s *h1stream) appendData(resp *app.Response) (err error) {
	data := resp.Staged()
	if s.framing == h1.FramingNone {
		resp.ClearStaged()
		return nil
	}
	if s.declared >= 0 && int64(len(data)) > s.declared-s.written {
		data = data[:s.declared-s.written]
		s.x.MustClose()
		s.overrun = true
		err = app.ErrContentLength
	}
	if len(data) > 0 {
		b := s.sinkBuffer()
		if s.framing == h1.FramingChunked {
			b.B = h1.AppendChunk(b.B, data)
		} else {
			b.B = append(b.B, data...)
		}
		s.written += int64(len(data))
		s.must(s.x.SendBody())
	}
	resp.ClearStaged()
	return err
}

// appendInterim frames an interim response. s.mu is held.
func (s *h1stream) appendInterim(status int, fields *app.Fields) error {
	if s.hijack != nil {
		return app.ErrEnded
	}
	if s.head.Minor == 0 || s.x.Request() == h1.RequestRejected {
		return nil // RFC 9110 §15.2: an HTTP/1.0 client must not get one
	}
	b := s.sinkBuffer()
	out, err := h1.AppendInformational(b.B, status, fields)
	if err != nil {
		return err
	}
	b.B = out
	s.must(s.x.SendInformational())
	s.l.n.interim.Add(1)
	if status == 100 {
		s.awaits100 = false
	}
	return nil
}

func (s *h1stream) begun() bool { return s.x.Response() != h1.ResponseNone }
