package conn_test

import (
	"strings"
	"testing"

	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/h2"
)

// What ends a connection, and with which code (RFC 9113). Stream 1 is open, its
// body awaited; 3 is next.
func TestScenario22H2ConnectionErrors(t *testing.T) {
	head := func(id uint32) []byte { return h2.AppendHeadersFrames(nil, id, []byte(getBlock), true, 16384) }
	setting := func(id h2.SettingID, value uint32) []byte {
		return h2.AppendSettingsFrame(nil, h2.Setting{ID: id, Value: value})
	}
	withstand(t, conn.Limits{}, func(r *rig) {
		for _, c := range []struct {
			why  string
			in   []byte
			code h2.Code
		}{
			{"§5.1.1: HEADERS on an even stream", head(2), h2.CodeProtocolError},
			{"§5.1.1: HEADERS on a lower stream", append(head(7), head(5)...), h2.CodeProtocolError},
			{"§6.2: HEADERS on stream 0", raw(nil, h2.FrameHeaders, h2.FlagEndHeaders, 0, getBlock), h2.CodeProtocolError},
			{"§4.2: HEADERS above the frame size", raw(nil, h2.FrameHeaders, h2.FlagEndHeaders, 3, strings.Repeat("x", 16385)), h2.CodeFrameSizeError},
			{"§4.2: the head of a frame of 16 MiB", []byte("\xff\xff\xff\x00\x00\x00\x00\x00\x01"), h2.CodeFrameSizeError},
			{"§6.1: DATA on an idle stream", h2.AppendDataFrame(nil, 3, []byte("x"), false), h2.CodeProtocolError},
			{"§6.1: DATA on stream 0", h2.AppendDataFrame(nil, 0, []byte("x"), false), h2.CodeProtocolError},
			{"§6.1: padding as long as the frame", raw(nil, h2.FrameData, h2.FlagPadded, 1, "\x03xx"), h2.CodeProtocolError},
			{"§6.4: RST_STREAM on an idle stream", h2.AppendRSTStreamFrame(nil, 3, 0), h2.CodeProtocolError},
			{"§6.4: RST_STREAM of three octets", raw(nil, h2.FrameRSTStream, 0, 1, "abc"), h2.CodeFrameSizeError},
			{"§6.5: SETTINGS of five octets", raw(nil, h2.FrameSettings, 0, 0, "xxxxx"), h2.CodeFrameSizeError},
			{"§6.5: SETTINGS on a stream", raw(nil, h2.FrameSettings, 0, 1, ""), h2.CodeProtocolError},
			{"§6.5: an acknowledgement with content", raw(nil, h2.FrameSettings, h2.FlagAck, 0, "xxxxxx"), h2.CodeFrameSizeError},
			{"§6.5.2: ENABLE_PUSH 2", setting(h2.SettingEnablePush, 2), h2.CodeProtocolError},
			{"§6.5.2: a window of 2^31", setting(h2.SettingInitialWindowSize, 1<<31), h2.CodeFlowControlError},
			{"§6.5.2: frames of 16,383", setting(h2.SettingMaxFrameSize, 16383), h2.CodeProtocolError},
			{"§6.5.2: frames of 2^24", setting(h2.SettingMaxFrameSize, 1<<24), h2.CodeProtocolError},
			{"§8.4: PUSH_PROMISE", raw(nil, h2.FramePushPromise, h2.FlagEndHeaders, 1, "\x00\x00\x00\x02"+getBlock), h2.CodeProtocolError},
			{"§6.7: PING of seven octets", raw(nil, h2.FramePing, 0, 0, "xxxxxxx"), h2.CodeFrameSizeError},
			{"§6.7: PING on a stream", raw(nil, h2.FramePing, 0, 1, "xxxxxxxx"), h2.CodeProtocolError},
			{"§6.8: GOAWAY on a stream", raw(nil, h2.FrameGoAway, 0, 1, "xxxxxxxx"), h2.CodeProtocolError},
			{"§6.9: an increment of 0 for the connection", h2.AppendWindowUpdateFrame(nil, 0, 0), h2.CodeProtocolError},
			{"§6.9: WINDOW_UPDATE on an idle stream", h2.AppendWindowUpdateFrame(nil, 3, 1), h2.CodeProtocolError},
			{"§6.9.1: the connection's window above 2^31-1", h2.AppendWindowUpdateFrame(nil, 0, 1<<31-1), h2.CodeFlowControlError},
			{"§6.10: a block cut by DATA", h2.AppendDataFrame(raw(nil, h2.FrameHeaders, 0, 3, getBlock), 1, nil, false), h2.CodeProtocolError},
			{"§6.10: a block cut by PING", h2.AppendPingFrame(raw(nil, h2.FrameHeaders, 0, 3, getBlock), [8]byte{}, false), h2.CodeProtocolError},
			{"§6.10: a block cut by an unknown frame", raw(raw(nil, h2.FrameHeaders, 0, 3, getBlock), 0x42, 0, 0, ""), h2.CodeProtocolError},
			{"§6.10: another stream's CONTINUATION", raw(raw(nil, h2.FrameHeaders, 0, 3, getBlock), h2.FrameContinuation, h2.FlagEndHeaders, 5, ""), h2.CodeProtocolError},
			{"§6.10: CONTINUATION of nothing", raw(nil, h2.FrameContinuation, h2.FlagEndHeaders, 1, getBlock), h2.CodeProtocolError},
			{"§4.3: an index that is not there", raw(nil, h2.FrameHeaders, h2.FlagEndHeaders, 3, "\xff\xff\x03"), h2.CodeCompressionError},
			{"§4.3: a block that is cut", raw(nil, h2.FrameHeaders, h2.FlagEndHeaders, 3, "\x82\x86\x84\x01\x7f"), h2.CodeCompressionError},
			{"RFC 7541 §4.2: a table above what was said", raw(nil, h2.FrameHeaders, h2.FlagEndHeaders, 3, "\x3f\xff\x3f"+getBlock), h2.CodeCompressionError},
		} {
			w := r.greeted()
			b, _ := w.head(nil, postBlock, false)
			w.say(append(b, c.in...))
			w.wantGoAway(c.why, c.code)
			w.c.Close()
		}
	})
}

// What ends a stream, with which code; the connection goes on.
func TestScenario22H2StreamErrors(t *testing.T) {
	request := func(block string, more ...byte) func(uint32) []byte {
		return func(id uint32) []byte {
			return append(h2.AppendHeadersFrames(nil, id, []byte(block), true, 16384), more...)
		}
	}
	withstand(t, conn.Limits{}, func(r *rig) {
		w := r.greeted()
		defer w.c.Close()
		for _, c := range []struct {
			why  string
			in   func(id uint32) []byte
			code h2.Code
		}{
			{"§8.2: an upper-case name", request(getBlock + "\x00\x01A\x01x"), h2.CodeProtocolError},
			{"§8.2.1: an empty name", request(getBlock + "\x00\x00\x01x"), h2.CodeProtocolError},
			{"§8.2.1: a line break in a value", request(getBlock + "\x00\x01a\x03x\r\n"), h2.CodeProtocolError},
			{"§8.2.2: connection", request(getBlock + "\x00\x0aconnection\x05close"), h2.CodeProtocolError},
			{"§8.2.2: te", request(getBlock + "\x00\x02te\x04gzip"), h2.CodeProtocolError},
			{"§8.3: no :method", request("\x86\x84\x01\x01x"), h2.CodeProtocolError},
			{"§8.3: no :scheme", request("\x82\x84\x01\x01x"), h2.CodeProtocolError},
			{"§8.3: no :path", request("\x82\x86\x01\x01x"), h2.CodeProtocolError},
			{"§8.3: an empty :path", request("\x82\x86\x01\x01x\x04\x00"), h2.CodeProtocolError},
			{"§8.3: two of :method", request("\x82" + getBlock), h2.CodeProtocolError},
			{"§8.3: :method after a field", request("\x86\x84\x01\x01x\x00\x01a\x01x\x82"), h2.CodeProtocolError},
			{"§8.3: :status", request("\x88" + getBlock), h2.CodeProtocolError},
			{"§8.1.1: less than its content-length", request(postBlock + "\x0f\x0d\x011"), h2.CodeProtocolError},
			{"§5.3.1 of RFC 7540: on itself", func(id uint32) []byte {
				return h2.AppendPriorityFrame(h2.AppendHeadersFrames(nil, id, []byte(postBlock), false, 16384), id, h2.PriorityParam{Dependency: id})
			}, h2.CodeProtocolError},
			{"§6.9: an increment of 0", func(id uint32) []byte {
				return h2.AppendWindowUpdateFrame(h2.AppendHeadersFrames(nil, id, []byte(postBlock), false, 16384), id, 0)
			}, h2.CodeProtocolError},
			{"§6.9.1: a window above 2^31-1", func(id uint32) []byte {
				return h2.AppendWindowUpdateFrame(h2.AppendHeadersFrames(nil, id, []byte(postBlock), false, 16384), id, 1<<31-1)
			}, h2.CodeFlowControlError},
			{"§8.1: trailers without END_STREAM", func(id uint32) []byte {
				return h2.AppendHeadersFrames(h2.AppendHeadersFrames(nil, id, []byte(postBlock), false, 16384), id, []byte("\x00\x01a\x01x"), false, 16384)
			}, h2.CodeProtocolError},
			{"§8.1.1: more than its content-length", func(id uint32) []byte {
				return h2.AppendDataFrame(h2.AppendHeadersFrames(nil, id, []byte(postBlock+"\x0f\x0d\x011"), false, 16384), id, []byte("xx"), true)
			}, h2.CodeProtocolError},
		} {
			id := w.next
			w.next += 2
			w.say(c.in(id))
			w.wantReset(c.why, id, c.code)
		}
		b, id := w.head(nil, getBlock, true)
		w.say(b)
		if !w.until(func(h *heard) bool { return h.status[id] == "200" && h.ended[id] }) {
			r.Error("the next request is not served")
		}
		if len(w.heard.codes) > 0 {
			r.Errorf("GOAWAY %v", w.heard.codes)
		}
	})
}

// A preface that is none, where HTTP/2 alone is spoken (§3.4).
func TestScenario22H2Preface(t *testing.T) {
	withstand(t, conn.Limits{}, func(r *rig) {
		r.srv.SetEndpoint(0, conn.Endpoint{Protocols: conn.HTTP2})
		defer r.srv.SetEndpoint(0, conn.Endpoint{})
		for why, in := range map[string]string{
			"HTTP/1.1": get, "rubbish": "PRI * HTTP/2.0\r\n\r\nSM\r\n\rx" + strings.Repeat("x", 100),
			"no SETTINGS": h2.Preface + string(h2.AppendPingFrame(nil, [8]byte{}, false)),
		} {
			c := r.dial()
			w := r.wire(c)
			r.write(c, in)
			w.hear()
			w.wantGoAway(why, h2.CodeProtocolError)
			c.Close()
		}
	})
}
