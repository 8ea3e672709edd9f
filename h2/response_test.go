package h2

import (
	"errors"
	"strings"
	"testing"

	"github.com/uringserve/uringserve/app/field"
)

func TestAppendResponse(t *testing.T) {
	date := []byte("Sat, 21 Nov 2026 12:00:00 GMT")
	for _, c := range []struct {
		name   string
		meta   ResponseMeta
		want   string
		body   bool
		length int64
	}{
		{"length", ResponseMeta{Status: 200, Length: 5}, ":status: 200\ncontent-length: 5\n", true, 5},
		{"empty", ResponseMeta{Status: 404, Length: 0}, ":status: 404\ncontent-length: 0\n", false, 0},
		{"unknown length", ResponseMeta{Status: 200, Length: -1, Date: date}, ":status: 200\ndate: " + string(date) + "\n", true, -1},
		{"empty with trailers", ResponseMeta{Status: 200, Length: 0, Trailers: true}, ":status: 200\ncontent-length: 0\n", true, 0},
		{"handler's fields", ResponseMeta{Status: 299, Length: -1, Date: date, Fields: fieldsOf("X-A", " b ", "DATE", "mine", "Content-Length", "7", "x-a", "")},
			":status: 299\nx-a: b\ndate: mine\nx-a: \ncontent-length: 7\n", true, 7},
		{"length promised and no body", ResponseMeta{Status: 200, Length: 0, Fields: fieldsOf("content-length", "7")}, ":status: 200\ncontent-length: 7\n", true, 7},
		{"connection's fields", ResponseMeta{Status: 200, Length: 0, Fields: fieldsOf("Connection", "close", "Keep-Alive", "1", "Upgrade", "x", "Transfer-Encoding", "chunked", "Proxy-Connection", "x")},
			":status: 200\ncontent-length: 0\n", false, 0},
		{"HEAD", ResponseMeta{Status: 200, RequestMethod: "HEAD", Length: 9}, ":status: 200\ncontent-length: 9\n", false, 9},
		{"HEAD, unknown", ResponseMeta{Status: 200, RequestMethod: "HEAD", Length: 0}, ":status: 200\n", false, -1},
		{"HEAD, handler's", ResponseMeta{Status: 200, RequestMethod: "HEAD", Length: 0, Fields: fieldsOf("Content-Length", "3")}, ":status: 200\ncontent-length: 3\n", false, 3},
		{"204", ResponseMeta{Status: 204, Length: 5, Fields: fieldsOf("Content-Length", "5")}, ":status: 204\n", false, -1},
		{"205", ResponseMeta{Status: 205, Length: 5}, ":status: 205\ncontent-length: 0\n", false, 0},
		{"304", ResponseMeta{Status: 304, Length: 5}, ":status: 304\n", false, -1},
		{"304, handler's", ResponseMeta{Status: 304, Fields: fieldsOf("Content-Length", "5")}, ":status: 304\ncontent-length: 5\n", false, 5},
		{"CONNECT", ResponseMeta{Status: 200, RequestMethod: "CONNECT", Length: 0, Fields: fieldsOf("Content-Length", "5")}, ":status: 200\n", true, -1},
		{"CONNECT refused", ResponseMeta{Status: 403, RequestMethod: "CONNECT", Length: 0}, ":status: 403\ncontent-length: 0\n", false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.send(r.get(1))
			out, body, length, err := r.c.AppendResponse([]byte("before"), 1, &c.meta)
			if err != nil || body != c.body || length != c.length {
				t.Fatalf("body %v, length %d, %v", body, length, err)
			}
			frames := r.frames(out[len("before"):])
			if len(frames) != 1 || frames[0].Flags.Has(FlagEndStream) == c.body || !frames[0].Flags.Has(FlagEndHeaders) {
				t.Fatalf("frames %v", frames)
			}
			if got := r.fields(frames[0].payload); got != c.want {
				t.Errorf("got:\n%swant:\n%s", got, c.want)
			}
			if state, _ := r.c.stateOf(1); (state == StateEnded) == c.body {
				t.Errorf("the stream is %s", state)
			}
		})
	}
}

// A response that is refused leaves no trace: the next one is decoded by the
// same table.
func TestResponseErrors(t *testing.T) {
	r := newRig(t)
	r.send(r.get(1))
	for _, c := range []struct {
		status int
		fields *field.Fields
		fault  Fault
	}{
		{101, nil, FaultStatus}, {199, nil, FaultStatus}, {1000, nil, FaultStatus}, {0, nil, FaultStatus},
		{200, fieldsOf("good", "repeated", "bad name", "x"), FaultName},
		{200, fieldsOf("good", "repeated", "", "x"), FaultName},
		{200, fieldsOf("good", "repeated", ":status", "500"), FaultName},
		{200, fieldsOf("good", "repeated", "x", "a\r\nb"), FaultValue},
		{200, fieldsOf("x", "a\x00"), FaultValue},
		{200, fieldsOf("content-length", "x"), FaultLength},
		{200, fieldsOf("content-length", "1", "Content-Length", "1"), FaultLength},
	} {
		out, _, _, err := r.c.AppendResponse([]byte("x"), 1, &ResponseMeta{Status: c.status, Fields: c.fields})
		var re *ResponseError
		if !errors.As(err, &re) || re.Fault != c.fault || string(out) != "x" {
			t.Errorf("status %d: %v, %q", c.status, err, out)
		}
	}
	if _, err := r.c.AppendInterim(nil, 1, 101, nil); err == nil {
		t.Error("101 is sent")
	}
	for _, status := range []int{100, 103} {
		out, err := r.c.AppendInterim(nil, 1, status, fieldsOf("Link", "</a>", "good", "repeated"))
		if err != nil {
			t.Fatal(err)
		}
		f := r.frames(out)[0]
		if got := r.fields(f.payload); !strings.HasPrefix(got, ":status: 10") || f.Flags.Has(FlagEndStream) {
			t.Errorf("interim %v: %s", f, got)
		}
	}
	frames := r.respond(1, "hello")
	if got := r.fields(frames[0].payload); got != ":status: 200\ncontent-length: 5\n" {
		t.Errorf("fields %s", got)
	}
}

func TestAppendTrailers(t *testing.T) {
	r := newRig(t)
	r.send(r.get(1), r.get(3), r.get(5))
	for id := uint32(1); id <= 5; id += 2 {
		if _, err := r.c.AppendTrailers(nil, id, nil); err == nil {
			t.Error("trailers before the head")
		}
		out, body, _, err := r.c.AppendResponse(nil, id, &ResponseMeta{Status: 200, Length: -1, Trailers: true})
		if err != nil || !body {
			t.Fatal(body, err)
		}
		r.fields(r.frames(out)[0].payload)
	}
	var re *ResponseError
	for _, bad := range []*field.Fields{fieldsOf("Content-Length", "1"), fieldsOf("a b", "1"), fieldsOf("a", "\n")} {
		if _, err := r.c.AppendTrailers(nil, 1, bad); !errors.As(err, &re) {
			t.Errorf("bad trailers: %v", err)
		}
	}
	if err := r.c.Ready(1, 1, false); err != nil {
		t.Fatal(err)
	}
	var se *StateError
	if _, err := r.c.AppendTrailers(nil, 1, fieldsOf("grpc-status", "0")); !errors.As(err, &se) {
		t.Errorf("trailers before the body: %v", err)
	}
	r.c.AppendData(nil, 1, []byte("x"), false)
	out, err := r.c.AppendTrailers(nil, 1, fieldsOf("Grpc-Status", "0"))
	if err != nil {
		t.Fatal(err)
	}
	f := r.frames(out)[0]
	if got := r.fields(f.payload); got != "grpc-status: 0\n" || f.Type != FrameHeaders || !f.Flags.Has(FlagEndStream|FlagEndHeaders) {
		t.Errorf("trailers %v %s", f, got)
	}
	if out, err = r.c.AppendTrailers(nil, 3, &field.Fields{}); err != nil || r.frames(out)[0].Type != FrameData {
		t.Errorf("no trailers: %v", err)
	}
	if _, err = r.c.AppendTrailers(nil, 3, nil); !errors.As(err, &se) || se.State != StateEnded {
		t.Errorf("trailers twice: %v", err)
	}
}

// A head that is longer than a frame goes out in several, and nothing between
// them.
func TestLongHead(t *testing.T) {
	r := newRig(t)
	r.send(r.get(1), AppendPingFrame(nil, [8]byte{}, false))
	value := strings.Repeat("\xff", 10000) // not shorter in Huffman code
	out, _, _, err := r.c.AppendResponse(nil, 1, &ResponseMeta{Status: 200, Length: -1, Fields: fieldsOf("a", value, "b", value, "c", value, "d", value)})
	if err != nil {
		t.Fatal(err)
	}
	frames := r.frames(out)
	if len(frames) != 4 || frames[0].Type != FramePing || frames[1].Type != FrameHeaders || frames[1].Flags != 0 || frames[3].Flags != FlagEndHeaders {
		t.Fatalf("%d frames", len(frames))
	}
	var block []byte
	for _, f := range frames[1:] {
		if f.Length > 16384 || f.ID != 1 {
			t.Errorf("frame %v", f.FrameHeader)
		}
		block = append(block, f.payload...)
	}
	if got := r.fields(block); strings.Count(got, value) != 3 { // the fourth is beyond the rig's 32 KiB
		t.Errorf("%d values", strings.Count(got, value))
	}
}

// What a peer's SETTINGS say holds for the next block, which follows the
// acknowledgement.
func TestTableSizeFollowsAck(t *testing.T) {
	r := newRig(t)
	r.send(r.get(1), AppendSettingsFrame(nil, Setting{SettingHeaderTableSize, 0}))
	out, _, _, err := r.c.AppendResponse(nil, 1, &ResponseMeta{Status: 200, Length: 0, Fields: fieldsOf("x", "y")})
	if err != nil {
		t.Fatal(err)
	}
	frames := r.frames(out)
	if len(frames) != 2 || !frames[0].Flags.Has(FlagAck) || frames[1].payload[0] != 0x20 {
		t.Fatalf("frames %v", frames)
	}
}

func TestGoneStreams(t *testing.T) {
	r := newRig(t)
	r.send(r.get(1), AppendRSTStreamFrame(nil, 1, CodeCancel))
	r.send(r.get(3))
	r.c.Reset(3, CodeInternalError)
	for id := uint32(1); id <= 3; id += 2 {
		if _, _, _, err := r.c.AppendResponse(nil, id, &ResponseMeta{Status: 200}); err != ErrGone {
			t.Errorf("AppendResponse: %v", err)
		}
		if _, err := r.c.AppendInterim(nil, id, 103, nil); err != ErrGone {
			t.Errorf("AppendInterim: %v", err)
		}
		if _, err := r.c.AppendTrailers(nil, id, nil); err != ErrGone {
			t.Errorf("AppendTrailers: %v", err)
		}
		if err := r.c.Ready(id, 1, true); err != ErrGone {
			t.Errorf("Ready: %v", err)
		}
		r.sent()
		if out := r.c.AppendData(nil, id, []byte("x"), true); len(out) > 0 {
			t.Errorf("AppendData: %x", out)
		}
		r.c.Consumed(id, 0)
		r.c.Release(id)
		r.c.Release(id)
	}
	var se *StateError
	if _, _, _, err := r.c.AppendResponse(nil, 5, &ResponseMeta{Status: 200}); !errors.As(err, &se) || se.State != StateIdle {
		t.Errorf("a stream there never was: %v", err)
	}
	r.send(r.get(7))
	r.respond(7, "")
	if _, _, _, err := r.c.AppendResponse(nil, 7, &ResponseMeta{Status: 200}); !errors.As(err, &se) {
		t.Errorf("a second response: %v", err)
	}
	r.c.Close(CodeInternalError)
	if err := r.c.Ready(7, 1, true); err != ErrGone {
		t.Errorf("after the end: %v", err)
	}
}

// Release of what is not over ends it.
func TestReleaseResets(t *testing.T) {
	r := newRig(t)
	for i, c := range []struct {
		do   func(id uint32)
		code Code
	}{
		{func(id uint32) { r.send(r.get(id)) }, CodeInternalError},
		{func(id uint32) { r.send(r.post(id)) }, CodeInternalError},
	} {
		id := uint32(2*i + 1)
		c.do(id)
		r.c.Release(id)
		frames := r.sent()
		if len(frames) != 1 || frames[0].Type != FrameRSTStream || Code(be32(frames[0].payload)) != c.code {
			t.Errorf("case %d: %v", i, frames)
		}
	}
}
