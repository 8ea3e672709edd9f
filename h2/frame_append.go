package h2

import "encoding/binary"

// Preface is what a client sends first (RFC 9113 §3.4).
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// AppendDataFrame appends DATA with p. len(p) is at most the peer's largest
// frame.
func AppendDataFrame(dst []byte, id uint32, p []byte, end bool) []byte {
	h := FrameHeader{Length: len(p), Type: FrameData, ID: id}
	if end {
		h.Flags = FlagEndStream
	}
	return append(AppendFrameHeader(dst, h), p...)
}

// AppendHeadersFrames appends HEADERS with a field block, and CONTINUATION
// frames if it is longer than maxFrame.
func AppendHeadersFrames(dst []byte, id uint32, block []byte, end bool, maxFrame int) []byte {
	h := FrameHeader{Type: FrameHeaders, ID: id}
	if end {
		h.Flags = FlagEndStream
	}
	for {
		h.Length = min(len(block), maxFrame)
		if h.Length == len(block) {
			h.Flags |= FlagEndHeaders
		}
		dst = append(AppendFrameHeader(dst, h), block[:h.Length]...)
		if block = block[h.Length:]; len(block) == 0 {
			return dst
		}
		h.Type, h.Flags = FrameContinuation, 0
	}
}

// AppendPriorityFrame appends PRIORITY.
func AppendPriorityFrame(dst []byte, id uint32, p PriorityParam) []byte {
	dst = AppendFrameHeader(dst, FrameHeader{Length: priorityBytes, Type: FramePriority, ID: id})
	if p.Exclusive {
		p.Dependency |= 1 << 31
	}
	return append(binary.BigEndian.AppendUint32(dst, p.Dependency), p.Weight)
}

// AppendRSTStreamFrame appends RST_STREAM.
func AppendRSTStreamFrame(dst []byte, id uint32, code Code) []byte {
	return appendUint32Frame(dst, FrameRSTStream, id, uint32(code))
}

// AppendSettingsFrame appends SETTINGS.
func AppendSettingsFrame(dst []byte, settings ...Setting) []byte {
	dst = AppendFrameHeader(dst, FrameHeader{Length: settingBytes * len(settings), Type: FrameSettings})
	for _, s := range settings {
		dst = binary.BigEndian.AppendUint16(dst, uint16(s.ID))
		dst = binary.BigEndian.AppendUint32(dst, s.Value)
	}
	return dst
}

// AppendSettingsAck appends the acknowledgement of SETTINGS.
func AppendSettingsAck(dst []byte) []byte {
	return AppendFrameHeader(dst, FrameHeader{Type: FrameSettings, Flags: FlagAck})
}

// AppendPingFrame appends PING, or the answer to one.
func AppendPingFrame(dst []byte, data [8]byte, ack bool) []byte {
	h := FrameHeader{Length: len(data), Type: FramePing}
	if ack {
		h.Flags = FlagAck
	}
	return append(AppendFrameHeader(dst, h), data[:]...)
}

// AppendGoAwayFrame appends GOAWAY. Debug is for people.
func AppendGoAwayFrame(dst []byte, last uint32, code Code, debug string) []byte {
	dst = AppendFrameHeader(dst, FrameHeader{Length: 8 + len(debug), Type: FrameGoAway})
	dst = binary.BigEndian.AppendUint32(dst, last)
	dst = binary.BigEndian.AppendUint32(dst, uint32(code))
	return append(dst, debug...)
}

// AppendWindowUpdateFrame appends WINDOW_UPDATE.
func AppendWindowUpdateFrame(dst []byte, id, increment uint32) []byte {
	return appendUint32Frame(dst, FrameWindowUpdate, id, increment)
}

// AppendPriorityUpdateFrame appends PRIORITY_UPDATE, of clients (RFC 9218
// §7.1).
func AppendPriorityUpdateFrame(dst []byte, id uint32, value string) []byte {
	dst = AppendFrameHeader(dst, FrameHeader{Length: 4 + len(value), Type: FramePriorityUpdate})
	dst = binary.BigEndian.AppendUint32(dst, id)
	return append(dst, value...)
}

func appendUint32Frame(dst []byte, t FrameType, id, value uint32) []byte {
	dst = AppendFrameHeader(dst, FrameHeader{Length: 4, Type: t, ID: id})
	return binary.BigEndian.AppendUint32(dst, value)
}
