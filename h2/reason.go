package h2

import "fmt"

// Reason says why a connection, a stream or a request was refused. The set is
// closed, so that each can be counted.
type Reason uint8

// What ends the connection.
const (
	// BadPreface: the client's connection preface is another (§3.4).
	BadPreface Reason = iota + 1
	// MissingSettings: the first frame is not SETTINGS (§3.4).
	MissingSettings
	// FrameTooLarge: longer than Limits.FrameBytes (§4.2).
	FrameTooLarge
	// BadFrameSize: a length that frames of this type cannot have.
	BadFrameSize
	// BadStreamID: stream 0 where there must be a stream, or the reverse.
	BadStreamID
	// BadPadding: padding as long as the frame, or longer (§6.1, §6.2).
	BadPadding
	// InterruptedBlock: something else than the CONTINUATION awaited (§6.10).
	InterruptedBlock
	// UnexpectedContinuation: CONTINUATION where none is awaited (§6.10).
	UnexpectedContinuation
	// UnexpectedPush: PUSH_PROMISE from a client (§8.4).
	UnexpectedPush
	// EvenStreamID: a stream opened by a client with an even id (§5.1.1).
	EvenStreamID
	// FallingStreamID: a stream opened below one opened before (§5.1.1).
	FallingStreamID
	// IdleStream: a frame on a stream that was never opened (§5.1).
	IdleStream
	// EndedStream: a frame on a stream that both sides ended (§5.1).
	EndedStream
	// BadSetting: a value that the setting cannot have (§6.5.2).
	BadSetting
	// BadWindowSetting: SETTINGS_INITIAL_WINDOW_SIZE beyond 2^31-1, or one
	// that takes a stream's window there (§6.5.2, §6.9.2).
	BadWindowSetting
	// ConnWindowOverflow: WINDOW_UPDATE takes our window beyond 2^31-1 (§6.9.1).
	ConnWindowOverflow
	// ConnZeroIncrement: WINDOW_UPDATE by 0 for the connection (§6.9).
	ConnZeroIncrement
	// ConnWindowExceeded: more DATA than the connection's window (§6.9.1).
	ConnWindowExceeded
	// BadCompression: a field block that cannot be decoded (§4.3).
	BadCompression
	// BadPriorityUpdate: for a stream that no client can open, or cut short
	// (RFC 9218 §7.1).
	BadPriorityUpdate
	// BlockTooLarge: Limits.BlockBytes exceeded.
	BlockTooLarge
	// ContinuationFlood: Limits.Continuations exceeded.
	ContinuationFlood
	// OutputFlood: Limits.QueuedBytes exceeded: the peer asks and does not read.
	OutputFlood
	// ResetFlood: Budgets.Resets exceeded.
	ResetFlood
	// ForcedResetFlood: Budgets.ForcedResets exceeded.
	ForcedResetFlood
	// RefusedFlood: Budgets.Refused exceeded.
	RefusedFlood
	// SettingsFlood: Budgets.Settings exceeded.
	SettingsFlood
	// PingFlood: Budgets.Pings exceeded.
	PingFlood
	// PriorityFlood: Budgets.Priorities exceeded.
	PriorityFlood
	// EmptyDataFlood: Budgets.EmptyData exceeded.
	EmptyDataFlood
	// WindowFlood: Budgets.TinyWindows exceeded.
	WindowFlood
	// LateFlood: Budgets.LateFrames exceeded.
	LateFlood
	// UnknownFlood: Budgets.UnknownFrames exceeded.
	UnknownFlood
	// OwnerClosed: Close was called. Not the peer's doing.
	OwnerClosed

	// What ends a stream.

	// TooManyStreams: Limits.Streams exceeded; the peer may try again.
	TooManyStreams
	// HalfClosedStream: a frame that the peer may not send after its
	// END_STREAM (§5.1).
	HalfClosedStream
	// ResetStream: a frame after the peer's own RST_STREAM (§5.1).
	ResetStream
	// SelfDependency: a stream that depends on itself (RFC 7540 §5.3.1).
	SelfDependency
	// BadPriorityLength: PRIORITY that is not five octets long (§6.3).
	BadPriorityLength
	// StreamWindowOverflow: WINDOW_UPDATE takes our window beyond 2^31-1.
	StreamWindowOverflow
	// StreamZeroIncrement: WINDOW_UPDATE by 0 for a stream (§6.9).
	StreamZeroIncrement
	// StreamWindowExceeded: more DATA than the stream's window (§6.9.1).
	StreamWindowExceeded
	// UnendedTrailers: a second HEADERS without END_STREAM (§8.1).
	UnendedTrailers
	// TrailersTooLarge: Limits.FieldBytes or FieldCount exceeded by trailers.
	TrailersTooLarge
	// BodyTooLong: more DATA than Content-Length says (§8.1.1).
	BodyTooLong
	// BodyTooShort: less DATA than Content-Length says (§8.1.1).
	BodyTooShort
	// BadFieldName: empty, or not a token (§8.2.1).
	BadFieldName
	// UppercaseName: a field name with an upper-case letter (§8.2.1).
	UppercaseName
	// BadFieldValue: a control octet, or white space at an end (§8.2.1).
	BadFieldValue
	// UnknownPseudo: a pseudo-header field that requests do not have (§8.3).
	UnknownPseudo
	// DuplicatePseudo: a pseudo-header field twice (§8.3).
	DuplicatePseudo
	// MisplacedPseudo: a pseudo-header field after others, or in trailers (§8.3).
	MisplacedPseudo
	// MissingPseudo: without a pseudo-header field that it needs (§8.3.1).
	MissingPseudo
	// UnexpectedPseudo: CONNECT with :scheme or :path (§8.5), or :protocol
	// without CONNECT (RFC 8441 §4).
	UnexpectedPseudo
	// BadMethod: empty, or not a token.
	BadMethod
	// BadPath: empty, or neither "/…" nor "*" (§8.3.1).
	BadPath
	// ConnectionField: a field that is about connections (§8.2.2).
	ConnectionField
	// BadTE: TE with anything but "trailers" (§8.2.2).
	BadTE
	// MissingHost: neither :authority nor Host.
	MissingHost
	// DuplicateHost: more than one Host.
	DuplicateHost
	// BadHost: not a uri-host with optional port.
	BadHost
	// HostMismatch: Host differs from :authority (§8.3.1).
	HostMismatch
	// BadContentLength: not a decimal number below 2^63.
	BadContentLength
	// DuplicateContentLength: more than one, be they equal.
	DuplicateContentLength
	// BadTrailer: a field that may not come after the body.
	BadTrailer

	// What refuses a request with a response.

	// HeadTooLarge: Limits.FieldBytes exceeded (431).
	HeadTooLarge
	// TooManyFields: Limits.FieldCount exceeded (431).
	TooManyFields
	// TargetTooLong: Limits.TargetBytes exceeded (414).
	TargetTooLong
	// BadTarget: octets or percent-encodings that no target has (400).
	BadTarget
	// BadScheme: neither http nor https (400).
	BadScheme
	// MethodTargetMismatch: "*" is OPTIONS' alone (405).
	MethodTargetMismatch
	// UnknownExpectation: Expect with anything but 100-continue (417).
	UnknownExpectation

	// NumReasons is one more than the largest Reason; 0 is none.
	NumReasons = int(iota + 1)
)

// reasons are the words for each, and what tells the peer: a status for those
// that refuse a request, a code for the others.
var reasons = [NumReasons]struct {
	name   string
	code   Code
	status int
}{
	0:                      {"no reason", CodeNoError, 0},
	BadPreface:             {"bad connection preface", CodeProtocolError, 0},
	MissingSettings:        {"first frame is not SETTINGS", CodeProtocolError, 0},
	FrameTooLarge:          {"frame too large", CodeFrameSizeError, 0},
	BadFrameSize:           {"frame of impossible size", CodeFrameSizeError, 0},
	BadStreamID:            {"frame on a stream it cannot be on", CodeProtocolError, 0},
	BadPadding:             {"padding too long", CodeProtocolError, 0},
	InterruptedBlock:       {"field block interrupted", CodeProtocolError, 0},
	UnexpectedContinuation: {"unexpected CONTINUATION", CodeProtocolError, 0},
	UnexpectedPush:         {"PUSH_PROMISE from a client", CodeProtocolError, 0},
	EvenStreamID:           {"even stream id from a client", CodeProtocolError, 0},
	FallingStreamID:        {"stream id below an earlier one", CodeProtocolError, 0},
	IdleStream:             {"frame on an idle stream", CodeProtocolError, 0},
	EndedStream:            {"frame on a stream that both sides ended", CodeStreamClosed, 0},
	BadSetting:             {"impossible setting", CodeProtocolError, 0},
	BadWindowSetting:       {"impossible initial window", CodeFlowControlError, 0},
	ConnWindowOverflow:     {"connection window overflow", CodeFlowControlError, 0},
	ConnZeroIncrement:      {"zero increment of the connection window", CodeProtocolError, 0},
	ConnWindowExceeded:     {"DATA beyond the connection window", CodeFlowControlError, 0},
	BadCompression:         {"field block cannot be decoded", CodeCompressionError, 0},
	BadPriorityUpdate:      {"malformed PRIORITY_UPDATE", CodeProtocolError, 0},
	BlockTooLarge:          {"field block too large", CodeEnhanceYourCalm, 0},
	ContinuationFlood:      {"too many CONTINUATION frames", CodeEnhanceYourCalm, 0},
	OutputFlood:            {"answers are not read", CodeEnhanceYourCalm, 0},
	ResetFlood:             {"too many RST_STREAM frames", CodeEnhanceYourCalm, 0},
	ForcedResetFlood:       {"too many stream errors", CodeEnhanceYourCalm, 0},
	RefusedFlood:           {"too many streams beyond the limit", CodeEnhanceYourCalm, 0},
	SettingsFlood:          {"too many SETTINGS frames", CodeEnhanceYourCalm, 0},
	PingFlood:              {"too many PING frames", CodeEnhanceYourCalm, 0},
	PriorityFlood:          {"too many priority frames", CodeEnhanceYourCalm, 0},
	EmptyDataFlood:         {"too many empty DATA frames", CodeEnhanceYourCalm, 0},
	WindowFlood:            {"too many tiny window updates", CodeEnhanceYourCalm, 0},
	LateFlood:              {"too many frames on closed streams", CodeEnhanceYourCalm, 0},
	UnknownFlood:           {"too many frames of no use", CodeEnhanceYourCalm, 0},
	OwnerClosed:            {"closed by the server", CodeNoError, 0},

	TooManyStreams:         {"too many streams", CodeRefusedStream, 0},
	HalfClosedStream:       {"frame after END_STREAM", CodeStreamClosed, 0},
	ResetStream:            {"frame after RST_STREAM", CodeStreamClosed, 0},
	SelfDependency:         {"stream depends on itself", CodeProtocolError, 0},
	BadPriorityLength:      {"PRIORITY of impossible size", CodeFrameSizeError, 0},
	StreamWindowOverflow:   {"stream window overflow", CodeFlowControlError, 0},
	StreamZeroIncrement:    {"zero increment of a stream window", CodeProtocolError, 0},
	StreamWindowExceeded:   {"DATA beyond the stream window", CodeFlowControlError, 0},
	UnendedTrailers:        {"trailers without END_STREAM", CodeProtocolError, 0},
	TrailersTooLarge:       {"trailers too large", CodeEnhanceYourCalm, 0},
	BodyTooLong:            {"body longer than Content-Length", CodeProtocolError, 0},
	BodyTooShort:           {"body shorter than Content-Length", CodeProtocolError, 0},
	BadFieldName:           {"malformed field name", CodeProtocolError, 0},
	UppercaseName:          {"upper-case field name", CodeProtocolError, 0},
	BadFieldValue:          {"malformed field value", CodeProtocolError, 0},
	UnknownPseudo:          {"unknown pseudo-header field", CodeProtocolError, 0},
	DuplicatePseudo:        {"pseudo-header field twice", CodeProtocolError, 0},
	MisplacedPseudo:        {"pseudo-header field out of place", CodeProtocolError, 0},
	MissingPseudo:          {"pseudo-header field missing", CodeProtocolError, 0},
	UnexpectedPseudo:       {"pseudo-header field not for this method", CodeProtocolError, 0},
	BadMethod:              {"malformed method", CodeProtocolError, 0},
	BadPath:                {"malformed path", CodeProtocolError, 0},
	ConnectionField:        {"connection-specific field", CodeProtocolError, 0},
	BadTE:                  {"TE other than trailers", CodeProtocolError, 0},
	MissingHost:            {"no authority", CodeProtocolError, 0},
	DuplicateHost:          {"more than one Host", CodeProtocolError, 0},
	BadHost:                {"malformed authority", CodeProtocolError, 0},
	HostMismatch:           {"Host differs from :authority", CodeProtocolError, 0},
	BadContentLength:       {"malformed Content-Length", CodeProtocolError, 0},
	DuplicateContentLength: {"more than one Content-Length", CodeProtocolError, 0},
	BadTrailer:             {"field not allowed as trailer", CodeProtocolError, 0},

	HeadTooLarge:         {"field section too large", CodeEnhanceYourCalm, 431},
	TooManyFields:        {"too many fields", CodeEnhanceYourCalm, 431},
	TargetTooLong:        {"request target too long", CodeProtocolError, 414},
	BadTarget:            {"malformed request target", CodeProtocolError, 400},
	BadScheme:            {"unsupported scheme", CodeProtocolError, 400},
	MethodTargetMismatch: {"request target not for this method", CodeProtocolError, 405},
	UnknownExpectation:   {"unknown expectation", CodeProtocolError, 417},
}

// String is the reason in words.
func (r Reason) String() string {
	if int(r) < NumReasons {
		return reasons[r].name
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Code is the error code that tells the peer.
func (r Reason) Code() Code {
	if int(r) < NumReasons {
		return reasons[r].code
	}
	return CodeInternalError
}

// Status is the status code that tells the client, 0 if the reason ends the
// stream or the connection instead.
func (r Reason) Status() int {
	if int(r) < NumReasons {
		return reasons[r].status
	}
	return 0
}
