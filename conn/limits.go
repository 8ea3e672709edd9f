package conn

import (
	"fmt"
	"time"

	"github.com/uringserve/uringserve/h1"
	"github.com/uringserve/uringserve/h2"
)

// Off switches off a limit that says so.
const Off = -1

// Rate is a least speed: so many bytes per second on average, asked for only
// after Grace.
type Rate struct {
	BytesPerSecond int           // Off: none
	Grace          time.Duration // at least the interval of the checks, 1 s
}

// Limits bound what a connection may cost. Those of Kestrel have its defaults.
type Limits struct {
	// H1 bounds heads, trailers and chunk extensions: 414, 431, 400.
	H1 h1.Limits
	// H2 and H2Budgets bound HTTP/2 connections: streams, windows, fields, and
	// what is legal but abused.
	H2        h2.Limits
	H2Budgets h2.Budgets

	// MaxBodyBytes is the longest request body, in bytes; Off: no limit.
	// Longer: 413. A handler can have another (app.Options,
	// app.Request.SetMaxBodyBytes). Default 30,000,000 (Kestrel
	// MaxRequestBodySize).
	MaxBodyBytes int64

	// HeaderTimeout is how long a head may take, from the accept or from its
	// first byte on; Off: no limit. Longer: 408, or just a close if nothing
	// has come. Default 30 s (Kestrel RequestHeadersTimeout).
	HeaderTimeout time.Duration

	// HandshakeTimeout is how long a TLS handshake may take, from the accept on,
	// before HeaderTimeout begins; Off: no limit. Longer: closed. Default 10 s
	// (Kestrel HttpsConnectionAdapterOptions.HandshakeTimeout).
	HandshakeTimeout time.Duration

	// KeepAliveTimeout is how long a connection may be idle between requests;
	// Off: no limit. Then it closes. Default 130 s (Kestrel).
	KeepAliveTimeout time.Duration

	// MinBodyRate is the least speed of a request body, counted while the
	// handler waits for it. Slower: 408. Default 240 B/s after 5 s (Kestrel
	// MinRequestBodyDataRate).
	MinBodyRate Rate

	// MinResponseRate is the least speed at which the client must take each
	// send of at most 64 KiB. Slower: reset. Default 240 B/s after 5 s
	// (Kestrel MinResponseDataRate).
	MinResponseRate Rate

	// MaxRequestBuffer is how many received bytes a connection may hold before
	// receiving pauses, in bytes. What the kernel had handed over by then (at
	// most ring.MaxRecvAfterPause) is kept on top. Default 1 MiB (Kestrel
	// MaxRequestBufferSize).
	MaxRequestBuffer int

	// MaxResponseBuffer is how many bytes of a response may wait for the
	// client, in bytes, before the writer waits, too; 0: after each write. Over
	// HTTP/2 it holds for each stream, and receiving pauses while the
	// connection has twice as much unsent. Default 64 KiB (Kestrel).
	MaxResponseBuffer int

	// MaxConns is the number of connections at a time, over all loops; 0: no
	// limit. One more is reset. Default 0 (Kestrel).
	MaxConns int64

	// BusyResponse has connections over MaxConns answered with 503 instead, as
	// long as those are not too many, either. Not those with TLS: a handshake
	// costs more than it is worth.
	BusyResponse bool

	// DrainBytes and DrainTimeout bound what is read of a body that its
	// handler left unread, in bytes and time; beyond it the connection
	// closes. Defaults 256 KiB (net/http) and 5 s (Kestrel).
	DrainBytes   int64
	DrainTimeout time.Duration

	// LingerBytes and LingerTimeout bound the end of a connection whose client
	// may still be sending: after our FIN so many bytes are read and dropped,
	// and it is closed when the client has ended, too, or after that time, so
	// that a reset does not overtake the response. Defaults 256 KiB and 2 s
	// (ours; nginx 5 s).
	LingerBytes   int64
	LingerTimeout time.Duration

	// DrainLull is how long, after Server.Drain, an idle connection may still
	// bring a request; connections close in one to two times that, not in the
	// same instant. Default 250 ms (ours).
	DrainLull time.Duration
}

// DefaultLimits are the limits a server starts with.
func DefaultLimits() Limits {
	return Limits{
		H1:                h1.DefaultLimits(),
		H2:                h2.DefaultLimits(),
		H2Budgets:         h2.DefaultBudgets(),
		MaxBodyBytes:      30_000_000,
		HeaderTimeout:     30 * time.Second,
		HandshakeTimeout:  10 * time.Second,
		KeepAliveTimeout:  130 * time.Second,
		MinBodyRate:       Rate{240, 5 * time.Second},
		MinResponseRate:   Rate{240, 5 * time.Second},
		MaxRequestBuffer:  1 << 20,
		MaxResponseBuffer: 64 << 10,
		DrainBytes:        256 << 10,
		DrainTimeout:      5 * time.Second,
		LingerBytes:       256 << 10,
		LingerTimeout:     2 * time.Second,
		DrainLull:         250 * time.Millisecond,
	}
}

// LimitError says which limit has a value that cannot be used.
type LimitError struct {
	Limit string // the name of the field of Limits
	Value string // as given, with its unit
	Want  string // what would be valid
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("conn: limit %s is %s, must be %s", e.Limit, e.Value, e.Want)
}

// The range of a time limit: the wheel's resolution to about a year.
const (
	minTimeout = time.Millisecond
	maxTimeout = 365 * 24 * time.Hour
	maxRate    = 1 << 30
	maxBuffer  = 1 << 30
)

// Validate answers a *LimitError or *h1.LimitError for the first limit out of
// range, nil if there is none.
func (l *Limits) Validate() error {
	if _, err := l.h2config(); err != nil {
		return err
	}
	if err := l.H1.Validate(); err != nil {
		return err
	}
	durations := [...]struct {
		name   string
		value  time.Duration
		offing bool
	}{
		{"HeaderTimeout", l.HeaderTimeout, true},
		{"HandshakeTimeout", l.HandshakeTimeout, true},
		{"KeepAliveTimeout", l.KeepAliveTimeout, true},
		{"DrainTimeout", l.DrainTimeout, false},
		{"LingerTimeout", l.LingerTimeout, false},
		{"DrainLull", l.DrainLull, false},
		{"MinBodyRate.Grace", l.MinBodyRate.grace(), false},
		{"MinResponseRate.Grace", l.MinResponseRate.grace(), false},
	}
	for _, d := range durations {
		if d.offing && d.value == Off {
			continue
		}
		if d.value < minTimeout || d.value > maxTimeout {
			return &LimitError{d.name, d.value.String(), "1ms to 8760h0m0s" + orOff(d.offing)}
		}
	}
	numbers := [...]struct {
		name         string
		value, least int64
		utmost       int64
		offing       bool
	}{
		{"MaxBodyBytes", l.MaxBodyBytes, 0, 1<<63 - 1, true},
		{"MinBodyRate.BytesPerSecond", int64(l.MinBodyRate.BytesPerSecond), 1, maxRate, true},
		{"MinResponseRate.BytesPerSecond", int64(l.MinResponseRate.BytesPerSecond), 1, maxRate, true},
		{"MaxRequestBuffer", int64(l.MaxRequestBuffer), 1, maxBuffer, false},
		{"MaxResponseBuffer", int64(l.MaxResponseBuffer), 0, maxBuffer, false},
		{"MaxConns", l.MaxConns, 0, 1<<63 - 1, false},
		{"DrainBytes", l.DrainBytes, 0, maxBuffer, false},
		{"LingerBytes", l.LingerBytes, 0, maxBuffer, false},
	}
	for _, n := range numbers {
		if n.offing && n.value == Off {
			continue
		}
		if n.value < n.least || n.value > n.utmost {
			want := fmt.Sprintf("%d to %d", n.least, n.utmost)
			return &LimitError{n.name, fmt.Sprint(n.value), want + orOff(n.offing)}
		}
	}
	return nil
}

func orOff(offing bool) string {
	if offing {
		return ", or Off"
	}
	return ""
}

// grace is Grace where it matters, else a valid value.
func (r Rate) grace() time.Duration {
	if r.BytesPerSecond == Off {
		return time.Second
	}
	return r.Grace
}

// allowance is how long n bytes may take.
func (r Rate) allowance(n int) time.Duration {
	return max(r.Grace, time.Duration(n)*time.Second/time.Duration(r.BytesPerSecond))
}

// h2config is what HTTP/2 connections are made with.
func (l *Limits) h2config() (*h2.Config, error) {
	c := &h2.Config{Limits: l.H2, Budgets: l.H2Budgets, ConnectProtocol: true} // RFC 8441
	return c, c.Validate()
}
