package h2

import (
	"encoding/binary"
	"fmt"
)

// FrameType is the type of a frame (RFC 9113 §6). Others are legal, and
// ignored (§5.5).
type FrameType uint8

const (
	FrameData           FrameType = 0x0
	FrameHeaders        FrameType = 0x1
	FramePriority       FrameType = 0x2
	FrameRSTStream      FrameType = 0x3
	FrameSettings       FrameType = 0x4
	FramePushPromise    FrameType = 0x5
	FramePing           FrameType = 0x6
	FrameGoAway         FrameType = 0x7
	FrameWindowUpdate   FrameType = 0x8
	FrameContinuation   FrameType = 0x9
	FramePriorityUpdate FrameType = 0x10 // RFC 9218 §7.1
)

var frameNames = [...]string{"DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS",
	"PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE", "CONTINUATION", 0x10: "PRIORITY_UPDATE"}

// String is the name that the RFC gives it.
func (t FrameType) String() string {
	if int(t) < len(frameNames) && frameNames[t] != "" {
		return frameNames[t]
	}
	return fmt.Sprintf("frame type %#x", uint8(t))
}

// Flags are the flags of a frame. What a bit means depends on the type.
type Flags uint8

const (
	FlagEndStream  Flags = 0x1  // DATA, HEADERS
	FlagAck        Flags = 0x1  // SETTINGS, PING
	FlagEndHeaders Flags = 0x4  // HEADERS, PUSH_PROMISE, CONTINUATION
	FlagPadded     Flags = 0x8  // DATA, HEADERS, PUSH_PROMISE
	FlagPriority   Flags = 0x20 // HEADERS
)

// Has reports whether all of f is set.
func (g Flags) Has(f Flags) bool { return g&f == f }

// HeaderBytes is the size of a frame's header (RFC 9113 §4.1):
//
//	+-----------------+---------+----------+---+--------------+
//	| Length       24 | Type  8 | Flags  8 | R | Stream ID 31 |
//	+-----------------+---------+----------+---+--------------+
//	| Payload, Length octets …                                |
const HeaderBytes = 9

// FrameHeader is the header of a frame.
type FrameHeader struct {
	Length int // of the payload, in bytes, below 2^24
	Type   FrameType
	Flags  Flags
	ID     uint32 // of the stream, 0: the connection
}

// ParseFrameHeader parses the first HeaderBytes bytes of b, which must be
// there. Any nine octets are a header; the reserved bit is ignored (§4.1).
func ParseFrameHeader(b []byte) FrameHeader {
	_ = b[HeaderBytes-1]
	return FrameHeader{
		Length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		Type:   FrameType(b[3]),
		Flags:  Flags(b[4]),
		ID:     binary.BigEndian.Uint32(b[5:]) & maxID,
	}
}

// AppendFrameHeader appends a frame's header to dst.
func AppendFrameHeader(dst []byte, h FrameHeader) []byte {
	if uint(h.Length) > maxFrameBytes {
		panic("BUG: h2: frame longer than any can be")
	}
	return append(dst, byte(h.Length>>16), byte(h.Length>>8), byte(h.Length), byte(h.Type), byte(h.Flags),
		byte(h.ID>>24), byte(h.ID>>16), byte(h.ID>>8), byte(h.ID))
}

// SettingID names a setting (RFC 9113 §6.5.2). Others are legal, and ignored.
type SettingID uint16

const (
	SettingHeaderTableSize      SettingID = 0x1
	SettingEnablePush           SettingID = 0x2
	SettingMaxConcurrentStreams SettingID = 0x3
	SettingInitialWindowSize    SettingID = 0x4
	SettingMaxFrameSize         SettingID = 0x5
	SettingMaxHeaderListSize    SettingID = 0x6
	SettingEnableConnect        SettingID = 0x8 // RFC 8441 §3
	SettingNoRFC7540Priorities  SettingID = 0x9 // RFC 9218 §2.1
)

// Setting is one setting: 16 bits of name, 32 of value.
type Setting struct {
	ID    SettingID
	Value uint32
}

const settingBytes = 6

// parseSetting parses the first settingBytes of b.
func parseSetting(b []byte) Setting {
	return Setting{SettingID(binary.BigEndian.Uint16(b)), binary.BigEndian.Uint32(b[2:])}
}

// PriorityParam is the payload of PRIORITY, and what HEADERS may begin with
// (RFC 9113 §6.3). It is checked and otherwise ignored: RFC 9113 §5.3.2.
type PriorityParam struct {
	Dependency uint32
	Exclusive  bool
	Weight     uint8 // one less than the weight
}

const priorityBytes = 5

// parsePriorityParam parses the first priorityBytes of b.
func parsePriorityParam(b []byte) PriorityParam {
	dependency := binary.BigEndian.Uint32(b)
	return PriorityParam{dependency & maxID, dependency>>31 != 0, b[4]}
}
