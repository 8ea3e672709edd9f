package h1

import "fmt"

// Reason says why a request was refused. The set is closed.
type Reason uint8

const (
	// BadRequestLine: not "method SP target SP version" with single spaces.
	BadRequestLine Reason = iota + 1
	// BadMethod: empty, or not a token.
	BadMethod
	// MethodTooLong: longer than any method there is (501, RFC 9112 §3).
	MethodTooLong
	// BadTarget: in none of the four forms, or with octets none may have.
	BadTarget
	// MethodTargetMismatch: "*" is OPTIONS' alone, an authority CONNECT's (405).
	MethodTargetMismatch
	// BadVersion: a major version that is not 1 (505).
	BadVersion
	// LineTooLong: Limits.LineBytes exceeded (414).
	LineTooLong
	// HeadTooLarge: Limits.HeadBytes exceeded (431).
	HeadTooLarge
	// TooManyFields: Limits.FieldCount exceeded (431).
	TooManyFields
	// BadFieldName: empty, or not a token.
	BadFieldName
	// MissingColon: a field line without one.
	MissingColon
	// SpaceBeforeColon: white space between a field's name and its colon.
	SpaceBeforeColon
	// ObsFold: a field line that begins with white space.
	ObsFold
	// BadFieldValue: a control octet in a value.
	BadFieldValue
	// BareLF: LF without CR.
	BareLF
	// BareCR: CR without LF.
	BareCR
	// MissingHost: HTTP/1.1 without Host.
	MissingHost
	// DuplicateHost: more than one Host.
	DuplicateHost
	// BadHost: Host is empty or no uri-host with optional port.
	BadHost
	// HostMismatch: the target's authority is another than Host.
	HostMismatch
	// BadContentLength: not a decimal number below 2^63.
	BadContentLength
	// DuplicateContentLength: more than one, be they equal.
	DuplicateContentLength
	// LengthAndTransferEncoding: both Content-Length and Transfer-Encoding.
	LengthAndTransferEncoding
	// BadTransferEncoding: malformed, repeated, or not ending in one "chunked".
	BadTransferEncoding
	// UnknownTransferCoding: "chunked" over a coding we do not have (501).
	UnknownTransferCoding
	// TransferEncodingOn10: Transfer-Encoding in HTTP/1.0.
	TransferEncodingOn10
	// UnexpectedBody: a body with CONNECT, which has none.
	UnexpectedBody
	// UnknownExpectation: Expect with anything but 100-continue (417).
	UnknownExpectation
	// BadChunkSize: not 1 to 16 hexadecimal digits below 2^63.
	BadChunkSize
	// BadChunkExt: a chunk extension against the grammar.
	BadChunkExt
	// ChunkExtTooLong: Limits.ChunkExtBytes exceeded.
	ChunkExtTooLong
	// BadChunkFraming: no CRLF where a chunk ends.
	BadChunkFraming
	// BadTrailer: a field that may not come after the body.
	BadTrailer

	// NumReasons is one more than the largest Reason; 0 is none.
	NumReasons = int(iota + 1)
)

// reasons are the name and the status of each.
var reasons = [NumReasons]struct {
	name   string
	status int
}{
	0:                         {"no reason", 0},
	BadRequestLine:            {"malformed request line", 400},
	BadMethod:                 {"malformed method", 400},
	MethodTooLong:             {"method too long", 501},
	BadTarget:                 {"malformed request target", 400},
	MethodTargetMismatch:      {"request target not for this method", 405},
	BadVersion:                {"unsupported HTTP version", 505},
	LineTooLong:               {"request line too long", 414},
	HeadTooLarge:              {"field section too large", 431},
	TooManyFields:             {"too many fields", 431},
	BadFieldName:              {"malformed field name", 400},
	MissingColon:              {"field line without colon", 400},
	SpaceBeforeColon:          {"white space before colon", 400},
	ObsFold:                   {"folded field line", 400},
	BadFieldValue:             {"control octet in field value", 400},
	BareLF:                    {"LF without CR", 400},
	BareCR:                    {"CR without LF", 400},
	MissingHost:               {"no Host", 400},
	DuplicateHost:             {"more than one Host", 400},
	BadHost:                   {"malformed Host", 400},
	HostMismatch:              {"Host differs from the request target", 400},
	BadContentLength:          {"malformed Content-Length", 400},
	DuplicateContentLength:    {"more than one Content-Length", 400},
	LengthAndTransferEncoding: {"Content-Length beside Transfer-Encoding", 400},
	BadTransferEncoding:       {"malformed Transfer-Encoding", 400},
	UnknownTransferCoding:     {"unknown transfer coding", 501},
	TransferEncodingOn10:      {"Transfer-Encoding in HTTP/1.0", 400},
	UnexpectedBody:            {"body where there can be none", 400},
	UnknownExpectation:        {"unknown expectation", 417},
	BadChunkSize:              {"malformed chunk size", 400},
	BadChunkExt:               {"malformed chunk extension", 400},
	ChunkExtTooLong:           {"chunk extensions too long", 400},
	BadChunkFraming:           {"chunk without CRLF", 400},
	BadTrailer:                {"field not allowed as trailer", 400},
}

// String is the reason in words.
func (r Reason) String() string {
	if int(r) < NumReasons {
		return reasons[r].name
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Status is the status code that tells the client.
func (r Reason) Status() int {
	if int(r) < NumReasons {
		return reasons[r].status
	}
	return 400
}

// Error says that the peer sent something that is refused. The connection
// cannot go on: where the next message begins is not known. A nil *Error must
// not be put into an error.
type Error struct {
	Reason Reason
	// Status is Reason.Status().
	Status int
	// Offset is where it was found, in bytes from the start of the head, or
	// of the body as it came over the wire. For messages to people.
	Offset int
}

func (e *Error) Error() string {
	return fmt.Sprintf("h1: %s at offset %d (%d)", e.Reason, e.Offset, e.Status)
}

// refuse makes the error. It allocates, and no good request gets here.
func refuse(r Reason, offset int) *Error {
	return &Error{Reason: r, Status: r.Status(), Offset: offset}
}

// Fault says what is wrong with a response. The set is closed.
type Fault uint8

const (
	// FaultStatus: a status code that cannot be sent this way.
	FaultStatus Fault = iota + 1
	// FaultName: a field name that is not a token.
	FaultName
	// FaultValue: a field value with a control octet other than tab.
	FaultValue
	// FaultLength: a Content-Length that is malformed or repeated.
	FaultLength
	// FaultTrailer: a field that may not come after the body.
	FaultTrailer
)

var faults = [...]string{"no fault", "invalid status", "invalid field name",
	"invalid field value", "invalid Content-Length", "field not allowed as trailer"}

// String is the fault in words.
func (f Fault) String() string {
	if int(f) < len(faults) {
		return faults[f]
	}
	return fmt.Sprintf("fault %d", uint8(f))
}

// ResponseError says that the application asked for a response that cannot be
// sent. The client did nothing wrong.
type ResponseError struct {
	Fault  Fault
	Status int    // of the response
	Name   string // of the field, if it is about one; at most 64 bytes of it
}

func (e *ResponseError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("h1: response %d: %s", e.Status, e.Fault)
	}
	return fmt.Sprintf("h1: response %d: %s: %q", e.Status, e.Fault, e.Name)
}
