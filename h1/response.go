package h1

import "github.com/uringserve/uringserve/app/field"

type Framing uint8

const (
	FramingNone Framing = iota
	FramingLength
	FramingChunked
	FramingClose
)

type ResponseMeta struct {
	Status        int
	Fields        *field.Fields
	Date          []byte
	RequestMethod string
	Minor         int
	KeepAlive     bool
	Length        int64
	Trailers      bool
}

func AppendHead(dst []byte, m *ResponseMeta) (out []byte, f Framing, length int64, keepAlive bool, err error) {
	return dst, FramingNone, 0, false, nil
}
func AppendChunk(dst, data []byte) []byte                                { return dst }
func AppendLastChunk(dst []byte, trailers *field.Fields) ([]byte, error) { return dst, nil }
func AppendInformational(dst []byte, status int, fields *field.Fields) ([]byte, error) {
	return dst, nil
}
func AppendError(dst []byte, status int, date []byte) []byte { return dst }
