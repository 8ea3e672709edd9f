package h1

import "fmt"

// Limits bound what one request may make us hold or scan. The defaults are
// Kestrel's where it has one.
type Limits struct {
	// LineBytes is the longest request line, in bytes, without its CRLF.
	// Longer: LineTooLong, 414. Default 8192 (Kestrel MaxRequestLineSize,
	// which counts the CRLF).
	LineBytes int
	// HeadBytes is the longest field section, in bytes, line ends included,
	// without the empty line that ends it. It holds for the head and for the
	// trailers separately. Longer: HeadTooLarge, 431. Default 32768 (Kestrel
	// MaxRequestHeadersTotalSize).
	HeadBytes int
	// FieldCount is the largest number of field lines, in the head and in the
	// trailers separately. More: TooManyFields, 431. Default 100 (Kestrel
	// MaxRequestHeaderCount).
	FieldCount int
	// ChunkExtBytes is the longest total of chunk extensions in one body, in
	// bytes, from the end of the size to the CR. More: ChunkExtTooLong, 400.
	// Default 4096 (ours; Kestrel bounds them by its buffers).
	ChunkExtBytes int
}

// The smallest and largest values that Limits may hold.
const (
	minLineBytes  = 64 // above maxMethodBytes, so that a bad method is found first
	maxLimitBytes = 1 << 30
)

// DefaultLimits are the limits a server starts with.
func DefaultLimits() Limits {
	return Limits{LineBytes: 8192, HeadBytes: 32768, FieldCount: 100, ChunkExtBytes: 4096}
}

// LimitError says which limit has a value that cannot be used.
type LimitError struct {
	Limit         string // the name of the field of Limits
	Value         int
	Least, Utmost int // what would be valid, both inclusive
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("h1: limit %s is %d, must be %d to %d", e.Limit, e.Value, e.Least, e.Utmost)
}

// Validate answers a *LimitError for the first limit out of range, nil if
// there is none.
func (l *Limits) Validate() error {
	for _, c := range [...]LimitError{
		{"LineBytes", l.LineBytes, minLineBytes, maxLimitBytes},
		{"HeadBytes", l.HeadBytes, 1, maxLimitBytes},
		{"FieldCount", l.FieldCount, 1, maxLimitBytes},
		{"ChunkExtBytes", l.ChunkExtBytes, 0, maxLimitBytes},
	} {
		if c.Value < c.Least || c.Value > c.Utmost {
			return &c
		}
	}
	return nil
}
