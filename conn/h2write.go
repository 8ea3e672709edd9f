package conn

import (
	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h2"
)

// Of a response over HTTP/2 handler code judges the head and leaves a copy of it
// in h2stream.heads, and the body as it is in exchange.sink; the loop frames
// both (h2respond.go).

// commit takes the head, if that has not been done. s.mu is held.
func (s *h2stream) commit(resp *app.Response) error {
	if resp.Committed() {
		return nil
	}
	if err := s.mayCommit(resp); err != nil {
		return err
	}
	var m h2.ResponseMeta
	s.meta(&m, -1)
	body, declared, err := m.Judge()
	if err == nil && s.isTunnel() && m.Status/100 == 2 {
		err = errNoTunnel
	}
	if err != nil {
		resp.Fail(500)
		s.badHead = err
		return err
	}
	s.addHead(m.Status, &resp.Header, m.Trailers)
	s.final, s.body, s.declared = true, body, declared
	resp.Commit()
	s.l.n.streamed[min(m.Status/100, 5)].Add(1)
	return nil
}

// addHead leaves a head for the loop. s.mu is held.
func (s *h2stream) addHead(status int, fields *app.Fields, trailers bool) {
	if n := len(s.heads); n < cap(s.heads) {
		s.heads = s.heads[:n+1]
	} else {
		s.heads = append(s.heads, h2head{})
	}
	h := &s.heads[len(s.heads)-1]
	h.status, h.trailers = status, trailers
	h.fields.CopyFrom(fields)
}

// dropHeads forgets them, and keeps the memory of one. s.mu is held.
func (s *h2stream) dropHeads() {
	if len(s.heads) > 1 {
		clear(s.heads[1:])
	}
	s.heads = s.heads[:0]
}

// meta fills in what the head of the response depends on. Where the handler has the
// response, only it may ask.
func (s *h2stream) meta(m *h2.ResponseMeta, length int64) {
	m.Status = s.resp.Status()
	m.Fields = &s.resp.Header
	m.RequestMethod = s.method
	m.Length = length
	m.Trailers = s.resp.Trailer.Len() > 0
}

// appendData takes what is staged. s.mu is held.
func (s *h2stream) appendData(resp *app.Response) (err error) {
	defer resp.ClearStaged()
	data := resp.Staged()
	if !s.body || len(data) == 0 {
		return nil
	}
	if s.declared >= 0 && int64(len(data)) > s.declared-s.written {
		data = data[:s.declared-s.written]
		s.overrun = true
		err = app.ErrContentLength
	}
	b := s.sinkBuffer()
	b.B = append(b.B, data...)
	s.written += int64(len(data))
	return err
}

// maxInterim is how many interim responses of a stream may wait for the client.
// Further ones are left out: they are optional (RFC 9110 §15.2).
const maxInterim = 16

// appendInterim takes an interim response. s.mu is held.
func (s *h2stream) appendInterim(status int, fields *app.Fields) error {
	if fields == nil {
		fields = &app.Fields{}
	}
	m := h2.ResponseMeta{Status: 200, Fields: fields}
	if _, _, err := m.Judge(); err != nil {
		return err
	}
	if status < 100 || status > 199 || status == 101 {
		return &h2.ResponseError{Fault: h2.FaultStatus, Status: status}
	}
	if len(s.heads) >= maxInterim {
		return nil
	}
	if status == 100 {
		s.awaits100 = false
	}
	s.addHead(status, fields, false)
	s.l.n.interim.Add(1)
	return nil
}
