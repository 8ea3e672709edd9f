package ws

import "fmt"

// Opcode says what a frame is (RFC 6455 §11.8).
type Opcode uint8

const (
	// Continuation: more of a message that another frame began.
	Continuation Opcode = 0x0
	// Text begins a message of UTF-8.
	Text Opcode = 0x1
	// Binary begins a message of any bytes.
	Binary Opcode = 0x2
	// Close ends its sender's side.
	Close Opcode = 0x8
	// Ping asks for a Pong with the same bytes.
	Ping Opcode = 0x9
	// Pong answers a Ping, or comes on its own.
	Pong Opcode = 0xa
)

func (o Opcode) String() string {
	switch o {
	case Continuation:
		return "continuation"
	case Text:
		return "text"
	case Binary:
		return "binary"
	case Close:
		return "close"
	case Ping:
		return "ping"
	case Pong:
		return "pong"
	}
	return fmt.Sprintf("opcode %#x", uint8(o))
}

// control: it is about the connection, and not part of a message (§5.5).
func (o Opcode) control() bool { return o >= 0x8 }

// reserved: no meaning is known (§5.2).
func (o Opcode) reserved() bool { return o > Binary && o < Close || o > Pong }

// CloseCode says why a connection ends (RFC 6455 §7.4.1 and the IANA registry
// "WebSocket Close Code Number").
type CloseCode uint16

const (
	// NormalClosure: what the connection was for is done.
	NormalClosure CloseCode = 1000
	// GoingAway: a server shuts down, or somebody left the page.
	GoingAway CloseCode = 1001
	// ProtocolError: the peer broke the rules of the protocol.
	ProtocolError CloseCode = 1002
	// UnsupportedData: a kind of message that the receiver does not take.
	UnsupportedData CloseCode = 1003
	// NoStatus: a Close without a code. Never on the wire: AppendClose makes
	// a Close without a code of it.
	NoStatus CloseCode = 1005
	// AbnormalClosure: the connection ended without a Close. Never on the wire.
	AbnormalClosure CloseCode = 1006
	// InvalidPayload: what is in a message is not what its kind promises, as
	// text that is not UTF-8.
	InvalidPayload CloseCode = 1007
	// PolicyViolation: a rule of the receiver's own was broken.
	PolicyViolation CloseCode = 1008
	// MessageTooBig: a message is larger than the receiver takes.
	MessageTooBig CloseCode = 1009
	// MandatoryExtension: the server lacks an extension that the client needs.
	MandatoryExtension CloseCode = 1010
	// InternalError: the server cannot go on.
	InternalError CloseCode = 1011
	// ServiceRestart: come again later.
	ServiceRestart CloseCode = 1012
	// TryAgainLater: too much to do; go elsewhere, or come again.
	TryAgainLater CloseCode = 1013
	// BadGateway: a server behind the server answered wrongly.
	BadGateway CloseCode = 1014
	// TLSHandshake: TLS failed. Never on the wire.
	TLSHandshake CloseCode = 1015
)

// The codes that are for libraries and frameworks, by registration, and for
// applications, without (§7.4.2).
const (
	firstRegistered CloseCode = 3000
	lastPrivate     CloseCode = 4999
)

// Valid reports whether the code may be in a Close frame.
func (c CloseCode) Valid() bool {
	switch {
	case c >= NormalClosure && c <= UnsupportedData:
		return true
	case c >= InvalidPayload && c <= BadGateway:
		return true
	}
	return c >= firstRegistered && c <= lastPrivate
}

var closeNames = map[CloseCode]string{
	NormalClosure: "normal closure", GoingAway: "going away", ProtocolError: "protocol error",
	UnsupportedData: "unsupported data", NoStatus: "no status", AbnormalClosure: "abnormal closure",
	InvalidPayload: "invalid payload", PolicyViolation: "policy violation",
	MessageTooBig: "message too big", MandatoryExtension: "mandatory extension",
	InternalError: "internal error", ServiceRestart: "service restart",
	TryAgainLater: "try again later", BadGateway: "bad gateway", TLSHandshake: "TLS handshake"}

func (c CloseCode) String() string {
	if name, ok := closeNames[c]; ok {
		return fmt.Sprintf("%d %s", uint16(c), name)
	}
	return fmt.Sprintf("%d", uint16(c))
}
