package xcheck

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	xhpack "golang.org/x/net/http2/hpack"

	"github.com/uringserve/uringserve/h2"
)

// What we append, their Framer reads.
func TestTheyReadOurFrames(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		id := 1 + rng.Uint32N(1<<31-1)
		value := rng.Uint32()
		p := make([]byte, rng.IntN(300))
		for i := range p {
			p[i] = byte(rng.Uint32())
		}
		end := rng.IntN(2) == 0
		code := h2.Code(value)
		var b []byte
		b = h2.AppendDataFrame(b, id, p, end)
		b = h2.AppendPriorityFrame(b, id, h2.PriorityParam{Dependency: value >> 1, Exclusive: end, Weight: uint8(value)})
		b = h2.AppendRSTStreamFrame(b, id, code)
		b = h2.AppendSettingsFrame(b, h2.Setting{ID: h2.SettingID(value >> 16), Value: value | 1<<14&(1<<24-1)})
		b = h2.AppendSettingsAck(b)
		b = h2.AppendPingFrame(b, [8]byte{1, 2, byte(value)}, end)
		b = h2.AppendGoAwayFrame(b, id, code, "why")
		b = h2.AppendWindowUpdateFrame(b, id, value>>1|1)
		b = h2.AppendHeadersFrames(b, id, p, end, 16384)
		f := http2.NewFramer(nil, bytes.NewReader(b))
		var got []string
		for range 9 {
			frame, err := f.ReadFrame()
			if err != nil {
				t.Fatalf("after %q: %v", got, err)
			}
			got = append(got, describe(frame))
		}
		want := []string{
			fmt.Sprintf("DATA %d %v %x", id, end, p),
			fmt.Sprintf("PRIORITY %d %d %v %d", id, value>>1, end, uint8(value)),
			fmt.Sprintf("RST_STREAM %d %d", id, code),
			fmt.Sprintf("SETTINGS false %d=%d", value>>16, value|1<<14&(1<<24-1)),
			"SETTINGS true",
			fmt.Sprintf("PING %v %x", end, [8]byte{1, 2, byte(value)}),
			fmt.Sprintf("GOAWAY %d %d why", id, code),
			fmt.Sprintf("WINDOW_UPDATE %d %d", id, value>>1|1),
			fmt.Sprintf("HEADERS %d %v true %x", id, end, p),
		}
		if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
			t.Fatalf("they read\n%s\nwant\n%s", g, w)
		}
	}
}

func describe(f http2.Frame) string {
	id := f.Header().StreamID
	switch f := f.(type) {
	case *http2.DataFrame:
		return fmt.Sprintf("DATA %d %v %x", id, f.StreamEnded(), f.Data())
	case *http2.HeadersFrame:
		return fmt.Sprintf("HEADERS %d %v %v %x", id, f.StreamEnded(), f.HeadersEnded(), f.HeaderBlockFragment())
	case *http2.PriorityFrame:
		return fmt.Sprintf("PRIORITY %d %d %v %d", id, f.StreamDep, f.Exclusive, f.Weight)
	case *http2.RSTStreamFrame:
		return fmt.Sprintf("RST_STREAM %d %d", id, uint32(f.ErrCode))
	case *http2.SettingsFrame:
		s := fmt.Sprintf("SETTINGS %v", f.IsAck())
		f.ForeachSetting(func(set http2.Setting) error { s += fmt.Sprintf(" %d=%d", set.ID, set.Val); return nil })
		return s
	case *http2.PingFrame:
		return fmt.Sprintf("PING %v %x", f.IsAck(), f.Data)
	case *http2.GoAwayFrame:
		return fmt.Sprintf("GOAWAY %d %d %s", f.LastStreamID, uint32(f.ErrCode), f.DebugData())
	case *http2.WindowUpdateFrame:
		return fmt.Sprintf("WINDOW_UPDATE %d %d", id, f.Increment)
	}
	return fmt.Sprintf("%T", f)
}

// One frame of any shape, on a connection on which stream 1 is open: where
// their Framer finds an error, so do we, of the same scope and code. Where
// not, neither do we, unless it is one that Framers do not look for.
func TestFrameErrorsAreTheSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	agreed, n := map[string]int{}, 0
	for range 100000 {
		h := http2.FrameHeader{Type: http2.FrameType(rng.IntN(12)), Flags: http2.Flags(rng.Uint32()), StreamID: rng.Uint32N(3)}
		if rng.IntN(2) == 0 {
			h.StreamID = 1
		}
		p := make([]byte, rng.IntN(20))
		for i := range p {
			if rng.IntN(3) == 0 {
				p[i] = byte(rng.Uint32())
			}
		}
		b := h2.AppendFrameHeader(nil, h2.FrameHeader{Length: len(p), Type: h2.FrameType(h.Type), Flags: h2.Flags(h.Flags), ID: h.StreamID})
		b = append(b, p...)
		theirs := theirVerdict(b)
		ours := ourVerdict(t, b)
		if theirs != ours && !known(h, p, theirs, ours) {
			if n++; n < 20 {
				t.Errorf("%v %x: they say %q, we %q", h, p, theirs, ours)
			}
		}
		if theirs == ours {
			agreed[theirs]++
		}
	}
	for _, v := range []string{"", "connection PROTOCOL_ERROR", "connection FRAME_SIZE_ERROR", "stream PROTOCOL_ERROR"} {
		if agreed[v] < 50 {
			t.Errorf("both said %q %d times only", v, agreed[v])
		}
	}
}

func theirVerdict(b []byte) string {
	_, err := http2.NewFramer(nil, bytes.NewReader(b)).ReadFrame()
	var conn http2.ConnectionError
	var stream http2.StreamError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &conn):
		return "connection " + http2.ErrCode(conn).String()
	case errors.As(err, &stream):
		return "stream " + stream.Code.String()
	}
	return err.Error()
}

func ourVerdict(t *testing.T, b []byte) string {
	c := h2.NewConn(h2.DefaultConfig(), new(h2.Scratch))
	in := h2.AppendSettingsFrame([]byte(h2.Preface))
	var block bytes.Buffer
	e := xhpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}} {
		if err := e.WriteField(xhpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			t.Fatal(err)
		}
	}
	in = append(h2.AppendHeadersFrames(in, 1, block.Bytes(), false, 16384), b...)
	verdict := ""
	for len(in) > 0 {
		in = in[c.Feed(1, in):]
		switch ev, _ := c.Next(); ev.Kind {
		case h2.EventFailed:
			return "connection " + ev.Code.String()
		case h2.EventReset, h2.EventRejected:
			if !ev.ByPeer {
				verdict = "stream " + ev.Code.String()
			}
		}
	}
	return verdict
}

// known are the differences that are meant: what a connection sees, and a
// Framer does not.
func known(h http2.FrameHeader, p []byte, theirs, ours string) bool {
	switch {
	case strings.HasPrefix(theirs, "connection ") && strings.HasPrefix(ours, "connection ") &&
		h.StreamID != 0 == (h.Type == http2.FrameSettings || h.Type == http2.FramePing || h.Type == http2.FrameGoAway):
		// On a wrong stream and of a wrong size: either may be found first.
		return true
	case h.Type == http2.FrameContinuation || h.Type == http2.FramePushPromise:
		// We refuse both here; a Framer without its order checks reads them.
		return ours == "connection PROTOCOL_ERROR"
	case h.StreamID == 2:
		// No client can open it: the stream, not the frame, is what we refuse.
		return strings.HasPrefix(ours, "connection ")
	case h.Type == http2.FrameData && h.Flags.Has(http2.FlagDataPadded) && len(p) == 0:
		// A frame that is too small for what it must hold: §4.2 says
		// FRAME_SIZE_ERROR. They run out of input.
		return ours == "connection FRAME_SIZE_ERROR"
	case h.Type == http2.FrameHeaders:
		return knownHeaders(h, p, theirs, ours)
	case h.Type == http2.FramePriority && len(p) != 5:
		// §6.3: a stream error. They end the connection.
		return ours == "stream FRAME_SIZE_ERROR" && theirs == "connection FRAME_SIZE_ERROR"
	case h.Type == http2.FramePriority:
		return theirs == "" && ours == "stream PROTOCOL_ERROR" && p[3] == 1 // self-dependency
	case h.Type == http2.FrameSettings:
		// Values: a Framer looks at the initial window only.
		return theirs == "" && (ours == "connection PROTOCOL_ERROR" || ours == "connection FLOW_CONTROL_ERROR") ||
			theirs == "connection FLOW_CONTROL_ERROR" && ours == "connection PROTOCOL_ERROR"
	case h.Type == http2.FrameWindowUpdate:
		// Windows that overflow.
		return theirs == "" && strings.HasSuffix(ours, " FLOW_CONTROL_ERROR")
	case h.Type == 0xa, h.Type == 0xb:
		return theirs == "" && ours == ""
	}
	return false
}

// knownHeaders: a Framer does not look into the block, and ours is the second
// on its stream.
func knownHeaders(h http2.FrameHeader, p []byte, theirs, ours string) bool {
	least := 0
	if h.Flags.Has(http2.FlagHeadersPadded) {
		least = 1
	}
	if h.Flags.Has(http2.FlagHeadersPriority) {
		least += 5
	}
	switch {
	case len(p) < least:
		return strings.HasPrefix(ours, "connection ")
	case theirs == "stream PROTOCOL_ERROR": // padding too long: §6.2 has it end the connection
		return ours == "connection PROTOCOL_ERROR" || ours == "connection FRAME_SIZE_ERROR"
	case theirs == "connection PROTOCOL_ERROR":
		return ours == "connection FRAME_SIZE_ERROR"
	}
	return theirs == "" && ours != ""
}
