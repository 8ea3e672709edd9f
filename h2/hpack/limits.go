package hpack

import "fmt"

// Limits bound what one field section may hold. The defaults are Kestrel's.
type Limits struct {
	// SectionBytes is the largest field section, in octets: the sum of name,
	// value and 32 for each field (RFC 9113 §6.5.2, §10.5.1). Default 32768
	// (Kestrel MaxRequestHeadersTotalSize).
	SectionBytes int
	// FieldCount is the largest number of fields, pseudo-fields included.
	// Default 100 (Kestrel MaxRequestHeaderCount).
	FieldCount int
	// StringBytes is the longest name, and the longest value, in octets after
	// Huffman decoding. Default 32768 (Kestrel Http2.MaxRequestHeaderFieldSize).
	StringBytes int
}

const maxLimit = 1 << 30

// DefaultLimits are the limits a server starts with.
func DefaultLimits() Limits {
	return Limits{SectionBytes: 32768, FieldCount: 100, StringBytes: 32768}
}

// LimitError says which limit has a value that cannot be used.
type LimitError struct {
	Limit         string // the name of the field of Limits
	Value         int
	Least, Utmost int // what would be valid, both inclusive
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("hpack: limit %s is %d, must be %d to %d", e.Limit, e.Value, e.Least, e.Utmost)
}

// Validate answers a *LimitError for the first limit out of range, nil if
// there is none.
func (l *Limits) Validate() error {
	for _, c := range [...]LimitError{
		{"SectionBytes", l.SectionBytes, 1, maxLimit},
		{"FieldCount", l.FieldCount, 1, maxLimit},
		{"StringBytes", l.StringBytes, 1, maxLimit},
	} {
		if c.Value < c.Least || c.Value > c.Utmost {
			return &c
		}
	}
	return nil
}

// Excess says which of the Limits a block exceeds. The set is closed.
type Excess uint8

const (
	// Within: none.
	Within Excess = iota
	// SectionTooLarge: Limits.SectionBytes exceeded.
	SectionTooLarge
	// TooManyFields: Limits.FieldCount exceeded.
	TooManyFields
	// StringTooLong: Limits.StringBytes exceeded.
	StringTooLong
)

var excesses = [...]string{"within limits", "field section too large", "too many fields", "field name or value too long"}

// String is the excess in words.
func (x Excess) String() string {
	if int(x) < len(excesses) {
		return excesses[x]
	}
	return fmt.Sprintf("excess %d", uint8(x))
}
