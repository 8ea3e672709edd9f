package h2

import "fmt"

// Code is an error code of RFC 9113 §7. It is a number on the wire and not an
// error: ConnError, StreamError and PeerError are.
type Code uint32

const (
	CodeNoError            Code = 0x0 // the end, not an error
	CodeProtocolError      Code = 0x1
	CodeInternalError      Code = 0x2
	CodeFlowControlError   Code = 0x3
	CodeSettingsTimeout    Code = 0x4
	CodeStreamClosed       Code = 0x5
	CodeFrameSizeError     Code = 0x6
	CodeRefusedStream      Code = 0x7 // nothing was done: may be tried again
	CodeCancel             Code = 0x8
	CodeCompressionError   Code = 0x9
	CodeConnectError       Code = 0xa
	CodeEnhanceYourCalm    Code = 0xb
	CodeInadequateSecurity Code = 0xc
	CodeHTTP11Required     Code = 0xd
)

var codes = [...]string{"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR",
	"SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL",
	"COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"}

// String is the name that the RFC gives it. Unknown ones are legal (§7).
func (c Code) String() string {
	if int64(c) < int64(len(codes)) {
		return codes[c]
	}
	return fmt.Sprintf("code %#x", uint32(c))
}
