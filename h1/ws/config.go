package ws

import "fmt"

// Config is what connections are made with. It is shared by many and must not
// change while one of them uses it.
type Config struct {
	// Role is which end of the connection we are. Default Server.
	Role Role
	// Limits bound what a peer may make us hold.
	Limits Limits
	// Deflate says how permessage-deflate is used. Default: not at all.
	Deflate DeflateConfig
	// Keys answers a key to mask a frame with, for which a Client must have
	// it: RFC 6455 §5.3 wants keys that nobody can foresee. A Server has none.
	Keys func() uint32
}

// Role is which end of the connection we are.
type Role uint8

const (
	// Server takes frames that are masked, and masks none.
	Server Role = iota
	// Client masks frames, and takes none that is masked.
	Client
)

// Limits bound what one connection may make us hold or do.
type Limits struct {
	// MessageBytes is the largest message, in bytes, after decompression.
	// Larger: MessageTooLarge, 1009. A compressed message may take a
	// sixteenth and 64 bytes more than this while it comes. Default 1 MiB.
	MessageBytes int
	// EmptyFrames is how many frames without a byte may be in one fragmented
	// message: they cost work and bring it no nearer to its end. More:
	// EmptyFrameFlood, 1008. Default 128.
	EmptyFrames int
}

// DeflateConfig says how a server uses permessage-deflate (RFC 7692). It never
// refers to earlier messages of its own ("server_no_context_takeover"), so
// that one compressed message does for many connections, and none of them
// holds a window.
type DeflateConfig struct {
	// On lets Negotiate accept offers. Default false.
	On bool
	// MinBytes is the smallest message that is worth compressing, in bytes.
	// Default 256.
	MinBytes int
	// ClientWindowBits lets clients refer to earlier messages of theirs, as
	// far back as 2^ClientWindowBits bytes, which each connection holds from
	// then on. 0: "client_no_context_takeover", and an idle connection holds
	// nothing. Otherwise 9 to 15. Default 0.
	ClientWindowBits int
}

// The smallest and largest values that a Config may hold.
const (
	maxMessageBytes = 1 << 30
	maxCount        = 1 << 30
	minWindowBits   = 9 // of ours; zlib cannot do with 8
	maxWindowBits   = 15
)

// DefaultConfig is what a server starts with.
func DefaultConfig() *Config {
	return &Config{
		Limits:  Limits{MessageBytes: 1 << 20, EmptyFrames: 128},
		Deflate: DeflateConfig{MinBytes: 256},
	}
}

// LimitError says which value of a Config cannot be used.
type LimitError struct {
	Limit         string // the name of the field
	Value         int
	Least, Utmost int // what would be valid, both inclusive
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("ws: limit %s is %d, must be %d to %d", e.Limit, e.Value, e.Least, e.Utmost)
}

// Validate answers a *LimitError for the first value out of range, ErrNoKeys
// for a Client without Keys, nil if all is well. A Config must be validated before it is used.
func (c *Config) Validate() error {
	least := 0
	if c.Deflate.ClientWindowBits != 0 {
		least = minWindowBits
	}
	for _, e := range [...]LimitError{
		{"MessageBytes", c.Limits.MessageBytes, 1, maxMessageBytes},
		{"EmptyFrames", c.Limits.EmptyFrames, 0, maxCount},
		{"MinBytes", c.Deflate.MinBytes, 0, maxMessageBytes},
		{"ClientWindowBits", c.Deflate.ClientWindowBits, least, maxWindowBits},
	} {
		if e.Value < e.Least || e.Value > e.Utmost {
			return &e
		}
	}
	if c.Role == Client && c.Keys == nil {
		return ErrNoKeys
	}
	return nil
}

// compressedBytes is the largest compressed message that may come. What
// cannot be compressed grows a little: the blocks that hold it have heads.
func (l *Limits) compressedBytes() int { return l.MessageBytes + l.MessageBytes/16 + 64 }
