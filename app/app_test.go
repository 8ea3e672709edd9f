package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// fakeStream plays the server.
type fakeStream struct {
	body    io.Reader
	taken   bytes.Buffer // from Response
	writes  []int        // sizes of what was staged at each WriteBody
	flushes int
	fail    error // of WriteBody, which then takes nothing
	limit   int64
	readBy  time.Time
	writeBy time.Time
}

func (s *fakeStream) ReadBody(p []byte) (int, error) { return s.body.Read(p) }
func (s *fakeStream) RequestTrailers() *Fields       { return nil }
func (s *fakeStream) Context() context.Context       { return context.Background() }
func (s *fakeStream) ContextErr() error              { return nil }
func (s *fakeStream) SetReadLimit(n int64) error     { s.limit = n; return nil }
func (s *fakeStream) Conn() *ConnInfo {
	return &ConnInfo{Remote: &net.TCPAddr{Port: 1}, Local: &net.TCPAddr{Port: 2}}
}
func (s *fakeStream) SetReadDeadline(t time.Time) error  { s.readBy = t; return nil }
func (s *fakeStream) SetWriteDeadline(t time.Time) error { s.writeBy = t; return nil }

func (s *fakeStream) WriteInformational(int, *Fields) error { return nil }

func (s *fakeStream) WriteBody(r *Response, flush bool) error {
	if s.fail != nil {
		return s.fail
	}
	s.writes = append(s.writes, len(r.Staged()))
	s.taken.Write(r.Staged())
	r.ClearStaged()
	r.Commit()
	if flush {
		s.flushes++
	}
	return nil
}

func newExchange() (*fakeStream, *Request, *Response) {
	s := &fakeStream{body: strings.NewReader("")}
	var req Request
	var resp Response
	req.Reset(s)
	resp.Reset(s)
	return s, &req, &resp
}

// StageBytes are held back, one more is not.
func TestResponseStages(t *testing.T) {
	for _, test := range []struct {
		n      int
		writes int // before the end
	}{{0, 0}, {1, 0}, {StageBytes - 1, 0}, {StageBytes, 0}, {StageBytes + 1, 1}, {2 * StageBytes, 1}, {2*StageBytes + 1, 2}, {10 * StageBytes, 9}} {
		for _, step := range []int{1000, 1 << 20} {
			s, _, w := newExchange()
			data := bytes.Repeat([]byte("0123456789abcdef"), test.n/16+1)[:test.n]
			for rest := data; len(rest) > 0; {
				k := min(step, len(rest))
				n, err := w.Write(rest[:k])
				if n != k || err != nil {
					t.Fatalf("Write: %d, %v", n, err)
				}
				rest = rest[k:]
			}
			if len(s.writes) != test.writes {
				t.Errorf("%d bytes by %d: %d writes, want %d", test.n, step, len(s.writes), test.writes)
			}
			for _, n := range s.writes {
				if n != StageBytes {
					t.Errorf("staged %d, want %d", n, StageBytes)
				}
			}
			w.Flush()
			if !bytes.Equal(s.taken.Bytes(), data) {
				t.Errorf("%d bytes came out as %d", test.n, s.taken.Len())
			}
		}
	}
}

func TestResponseWriteString(t *testing.T) {
	s, _, w := newExchange()
	long := strings.Repeat("x", StageBytes+10)
	if n, err := w.WriteString(long); n != len(long) || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if s.taken.Len()+len(w.Staged()) != len(long) {
		t.Error("bytes are lost")
	}
}

func TestResponseWriteFails(t *testing.T) {
	s, _, w := newExchange()
	s.fail = ErrGone
	n, err := w.Write(make([]byte, 3*StageBytes))
	if !errors.Is(err, ErrGone) || n > StageBytes {
		t.Errorf("%d, %v", n, err)
	}
	if n, err = w.Write([]byte("x")); n != 0 || err == nil {
		t.Errorf("and again: %d, %v", n, err)
	}
}

func TestResponseStatus(t *testing.T) {
	_, _, w := newExchange()
	if w.Status() != 200 {
		t.Errorf("status %d", w.Status())
	}
	w.SetStatus(404)
	w.Flush()
	w.SetStatus(500)
	if w.Status() != 404 || !w.Committed() {
		t.Errorf("status %d after the head has gone", w.Status())
	}
}

func TestResponseFail(t *testing.T) {
	_, _, w := newExchange()
	w.Set("X", "1")
	w.Trailer.Add("Y", "2")
	w.WriteString("body")
	w.Fail(500)
	if w.Status() != 500 || w.Header.Len()+w.Trailer.Len()+len(w.Staged()) != 0 {
		t.Errorf("something is left: %+v", w)
	}
}

func TestResponseReset(t *testing.T) {
	s, _, w := newExchange()
	w.Set("X", "1")
	w.SetStatus(404)
	w.WriteString("body")
	w.Flush()
	w.Reset(s)
	if w.Status() != 200 || w.Header.Len() != 0 || w.Committed() || len(w.Staged()) != 0 {
		t.Errorf("something is left: %+v", w)
	}
}

func TestRequestRead(t *testing.T) {
	s, r, _ := newExchange()
	s.body = strings.NewReader("hello")
	if n, err := r.Read(nil); n != 0 || err != nil {
		t.Errorf("Read(nil): %d, %v", n, err)
	}
	var b bytes.Buffer
	if n, err := r.WriteTo(&b); n != 5 || err != nil || b.String() != "hello" {
		t.Errorf("WriteTo: %d, %v, %q", n, err, &b)
	}
	s.body = io.MultiReader(strings.NewReader("he"), failing{})
	if n, err := r.WriteTo(&b); n != 2 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("WriteTo of a cut body: %d, %v", n, err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) {
	return 0, &BodyError{Fault: BodyCut, Err: io.ErrUnexpectedEOF}
}

func TestQueryValue(t *testing.T) {
	for _, test := range []struct {
		query, name, value string
		ok                 bool
	}{
		{"a=1&b=2", "a", "1", true}, {"a=1&b=2", "b", "2", true}, {"a=1&b=2", "c", "", false},
		{"", "a", "", false}, {"a", "a", "", true}, {"a=", "a", "", true}, {"&&a=1", "a", "1", true},
		{"a=1=2", "a", "1=2", true}, {"a=1&a=2", "a", "1", true}, {"ab=1", "a", "", false}, {"a=%20+", "a", "%20+", true},
	} {
		r := Request{Query: []byte(test.query)}
		if v, ok := r.QueryValue(test.name); string(v) != test.value || ok != test.ok {
			t.Errorf("%q, %q: %q, %v", test.query, test.name, v, ok)
		}
	}
}

// A clone shares nothing with the original and has no exchange.
func TestClone(t *testing.T) {
	_, r, _ := newExchange()
	mem := []byte("/a?b=chostNameValue")
	r.Method = "GET"
	r.Target, r.Path, r.Query, r.Host = mem[0:6], mem[0:2], mem[3:6], mem[6:10]
	r.Header.AddView(mem[10:14], mem[14:19])
	c := r.Clone()
	for i := range mem {
		mem[i] = '!'
	}
	if string(c.Target) != "/a?b=c" || string(c.Path) != "/a" || string(c.Query) != "b=c" ||
		string(c.Host) != "host" || string(c.Get("name")) != "Value" || c.Method != "GET" {
		t.Errorf("the clone changed with the original: %+v", c)
	}
	if _, err := c.Read(mem); err != ErrEnded {
		t.Errorf("Read: %v", err)
	}
	if c.Context().Err() == nil || c.ContextErr() == nil || c.Trailer() != nil || c.RemoteAddr() != nil || c.LocalAddr() != nil {
		t.Error("the clone has an exchange")
	}
	if c.SetMaxBodyBytes(1) != ErrEnded {
		t.Error("SetMaxBodyBytes")
	}
	var w Response
	w.Reset(endedStream{})
	if w.Flush() != ErrEnded || w.WriteInformational(103, nil) != ErrEnded {
		t.Error("a response after its end")
	}
}

func TestBodyError(t *testing.T) {
	for fault, status := range map[BodyFault]int{BodyTooLarge: 413, BodyMalformed: 400, BodyTooSlow: 408, BodyCut: 400, BodyGone: 400, BodyDeadline: 408} {
		e := &BodyError{Fault: fault}
		if e.Status() != status || strings.Contains(e.Error(), "unknown") {
			t.Errorf("%v: %d", e, e.Status())
		}
	}
	e := &BodyError{Fault: BodyCut, Err: io.ErrUnexpectedEOF}
	if !errors.Is(e, io.ErrUnexpectedEOF) || !strings.Contains(e.Error(), "unexpected EOF") {
		t.Error(e)
	}
}

func TestOptions(t *testing.T) {
	called := false
	h := HandlerFunc(func(*Request, *Response) { called = true })
	for _, test := range []struct {
		h    Optioned
		mode Mode
	}{{Blocking(h), ModeBlocking}, {Inline(h), ModeInline}, {WithOptions(h, Options{}), ModeAuto}} {
		called = false
		test.h.Serve(nil, nil)
		if !called || test.h.Options(nil).Mode != test.mode {
			t.Errorf("mode %d, called %v", test.h.Options(nil).Mode, called)
		}
	}
}

func TestSettersReachTheServer(t *testing.T) {
	s, r, w := newExchange()
	r.SetMaxBodyBytes(7)
	if s.limit != 7 {
		t.Error("SetMaxBodyBytes")
	}
	if r.RemoteAddr().String() != ":1" || r.LocalAddr().String() != ":2" {
		t.Error("addresses")
	}
	r.SetReadDeadline(time.Unix(1, 0))
	w.SetWriteDeadline(time.Unix(2, 0))
	if s.readBy != time.Unix(1, 0) || s.writeBy != time.Unix(2, 0) {
		t.Error("deadlines")
	}
	if _, _, err := w.Hijack(); err != ErrNotHijackable {
		t.Errorf("Hijack: %v", err)
	}
	w.Add("A", "1")
	w.Add("A", "2")
	w.Set("a", "3")
	if w.Header.Len() != 1 || string(w.Header.Get("A")) != "3" {
		t.Error("fields")
	}
}
