package h2

import (
	"fmt"

	"github.com/uringserve/uringserve/h2/hpack"
)

// Config is what connections are made with. It is shared by many and must not
// change while one of them uses it.
type Config struct {
	Limits  Limits
	Budgets Budgets
	// ConnectProtocol allows extended CONNECT (RFC 8441), that is, :protocol.
	ConnectProtocol bool

	fields hpack.Limits // derived by Validate
}

// DefaultConfig is what a server starts with, validated.
func DefaultConfig() *Config {
	c := &Config{Limits: DefaultLimits(), Budgets: DefaultBudgets()}
	if err := c.Validate(); err != nil {
		panic("BUG: default limits: " + err.Error())
	}
	return c
}

// Limits bound what one connection may make us hold. The defaults are
// Kestrel's where it has one.
type Limits struct {
	// Streams is how many streams of one connection may be open, or held by
	// the owner (see Conn.Release), at a time. More: TooManyStreams,
	// REFUSED_STREAM. Default 100 (Kestrel MaxStreamsPerConnection).
	Streams int
	// TableBytes is the largest dynamic table for fields that come, in bytes:
	// SETTINGS_HEADER_TABLE_SIZE. Default 4096 (Kestrel HeaderTableSize).
	TableBytes int
	// SendTableBytes is the largest dynamic table for fields that we send, in
	// bytes, whatever more the peer offers. Default 4096.
	SendTableBytes int
	// FrameBytes is the longest payload of a frame that comes:
	// SETTINGS_MAX_FRAME_SIZE. Longer: FrameTooLarge. Default 16384 (Kestrel
	// MaxFrameSize).
	FrameBytes int
	// ConnWindow and StreamWindow are how many bytes of DATA may be under way
	// or unread, of all streams and of one. More: ConnWindowExceeded,
	// StreamWindowExceeded. Defaults 1 MiB and 768 KiB (Kestrel
	// InitialConnectionWindowSize, InitialStreamWindowSize).
	ConnWindow, StreamWindow int
	// FieldBytes is the largest field section, in bytes, as RFC 9113 §6.5.2
	// counts: name, value and 32 for each field. It holds for heads and
	// trailers separately. Larger: HeadTooLarge, 431, or TrailersTooLarge.
	// Default 32768 (Kestrel MaxRequestHeadersTotalSize).
	FieldBytes int
	// FieldCount is the largest number of fields in a head, pseudo-header
	// fields and cookie crumbs included, and in trailers. More: TooManyFields,
	// 431, or TrailersTooLarge. Default 100 (Kestrel MaxRequestHeaderCount).
	FieldCount int
	// TargetBytes is the longest :path in bytes. Longer: TargetTooLong, 414.
	// Default 8192 (Kestrel MaxRequestLineSize).
	TargetBytes int
	// BlockBytes is the longest field block, in bytes as it comes, over all
	// its frames. Longer: BlockTooLarge. Default 65536, twice FieldBytes, so
	// that a little too much is answered with 431.
	BlockBytes int
	// Continuations is how many CONTINUATION frames may follow one HEADERS.
	// More: ContinuationFlood. Default 32 (ours).
	Continuations int
	// QueuedBytes is how many bytes of control frames may wait for
	// AppendOutput. More: OutputFlood. Default 32768, 2,520 times
	// WINDOW_UPDATE (ours; Kestrel queues 800 frames).
	QueuedBytes int
}

// The smallest and largest values that Limits may hold.
const (
	minFrameBytes = 1 << 14   // RFC 9113 §4.2: all endpoints MUST take it
	maxFrameBytes = 1<<24 - 1 // §4.2
	maxWindow     = 1<<31 - 1 // §6.9.1
	maxID         = 1<<31 - 1 // §5.1.1
	maxLimit      = 1 << 30   // ours, where the RFC has none
	maxStreams    = 1 << 20   // ours
	initialWindow = 1<<16 - 1 // §6.9.2, before any SETTINGS
	defaultTable  = 4096      // §6.5.2
)

// DefaultLimits are the limits a server starts with.
func DefaultLimits() Limits {
	return Limits{Streams: 100, TableBytes: 4096, SendTableBytes: 4096, FrameBytes: 16384,
		ConnWindow: 1 << 20, StreamWindow: 768 << 10, FieldBytes: 32768, FieldCount: 100,
		TargetBytes: 8192, BlockBytes: 65536, Continuations: 32, QueuedBytes: 32768}
}

// LimitError says which limit or budget has a value that cannot be used.
type LimitError struct {
	Limit         string // the name of the field
	Value         int
	Least, Utmost int // what would be valid, both inclusive
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("h2: limit %s is %d, must be %d to %d", e.Limit, e.Value, e.Least, e.Utmost)
}

// Validate answers a *LimitError for the first value out of range, nil if
// there is none. A Config must be validated before it is used.
func (c *Config) Validate() error {
	l := &c.Limits
	for _, e := range [...]LimitError{
		{"Streams", l.Streams, 1, maxStreams},
		{"TableBytes", l.TableBytes, 0, hpack.MaxTable},
		{"SendTableBytes", l.SendTableBytes, 0, hpack.MaxTable},
		{"FrameBytes", l.FrameBytes, minFrameBytes, maxFrameBytes},
		{"ConnWindow", l.ConnWindow, initialWindow, maxWindow},
		{"StreamWindow", l.StreamWindow, 1, maxWindow},
		{"FieldBytes", l.FieldBytes, 1, maxLimit},
		{"FieldCount", l.FieldCount, 1, maxLimit},
		{"TargetBytes", l.TargetBytes, 1, maxLimit},
		{"BlockBytes", l.BlockBytes, 1, maxLimit},
		{"Continuations", l.Continuations, 0, maxLimit},
		{"QueuedBytes", l.QueuedBytes, minQueuedBytes, maxLimit},
	} {
		if e.Value < e.Least || e.Value > e.Utmost {
			return &e
		}
	}
	c.fields = hpack.Limits{SectionBytes: l.FieldBytes, FieldCount: l.FieldCount, StringBytes: l.FieldBytes}
	return c.Budgets.validate()
}

// minQueuedBytes holds what we send at first, with room for some answers.
const minQueuedBytes = 256
