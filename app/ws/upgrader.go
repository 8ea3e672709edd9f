package ws

import (
	"fmt"
	"sync"
	"time"

	"github.com/uringserve/uringserve/app"
	wire "github.com/uringserve/uringserve/h1/ws"
)

// Upgrader answers requests for a WebSocket and says how its connections are
// served. Fields must not be changed after the first request; methods are safe
// for concurrent use. It is an app.Handler, for a server or a route that does
// nothing else.
type Upgrader struct {
	// Handler serves the connections.
	Handler Handler

	// CheckOrigin says whether a request may come from where it does (RFC 6455
	// §10.2): false, 403. Nil: SameOrigin.
	CheckOrigin func(*app.Request) bool

	// Subprotocols are those that the application speaks, the best first. Of
	// those the first that the client offers is agreed on; if it offers none of
	// them, none is.
	Subprotocols []string

	// Compression accepts permessage-deflate (RFC 7692) if the client offers
	// it. It costs CPU for each message of CompressMin bytes or more.
	Compression bool

	// CompressMin is the smallest message that is compressed, in bytes; 0: 256.
	CompressMin int

	// MessageBytes is the largest message that may come, in bytes, after
	// decompression. Larger: closed with 1009. Default 1 MiB.
	MessageBytes int

	// MaxUnsent is how many bytes may wait for a peer, frames counted whole, in
	// bytes, before SlowPolicy holds. A message that is longer is taken when
	// nothing waits. Default 256 KiB.
	MaxUnsent int

	// SlowPolicy says what becomes of a message when more than MaxUnsent would
	// wait. Default SlowWait.
	SlowPolicy SlowPolicy

	// PingEvery is how long a peer may be silent before it gets a Ping; Off:
	// for ever. Default 2 min.
	PingEvery time.Duration

	// PongWithin is how long it may then stay silent. Longer: reset. Default
	// 20 s.
	PongWithin time.Duration

	// Mode hints at how to run the callbacks.
	Mode app.Mode

	once   sync.Once
	config *wire.Config
	wrong  error // why the fields cannot be used; nil: they can
}

// Off switches off a limit that says so.
const Off = -1

// The defaults.
const (
	defaultMaxUnsent  = 256 << 10
	defaultPingEvery  = 2 * time.Minute
	defaultPongWithin = 20 * time.Second
)

// The range of times, and of numbers of bytes.
const (
	minTime   = time.Millisecond
	maxTime   = 365 * 24 * time.Hour
	maxUnsent = 1 << 30
)

// SlowPolicy says what becomes of a message for a peer that does not read.
type SlowPolicy uint8

const (
	// SlowWait has the writer wait.
	SlowWait SlowPolicy = iota
	// SlowDrop drops the message: ErrSlow.
	SlowDrop
	// SlowClose closes the connection with TryAgainLater (1013): ErrSlow.
	SlowClose
)

// LimitError says which field of an Upgrader has a value that cannot be used.
type LimitError struct {
	Field string
	Value string
	Want  string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("ws: Upgrader.%s is %s, must be %s", e.Field, e.Value, e.Want)
}

// Validate answers a *LimitError or a *wire.LimitError (package h1/ws) for the
// first field that cannot be used, nil if there is none. It may be called to
// find out early: with such a field every request is answered with 500.
func (u *Upgrader) Validate() error {
	u.once.Do(u.prepare)
	return u.wrong
}

// Config is what connections are made with, nil if a field cannot be used. For
// servers.
func (u *Upgrader) Config() *wire.Config {
	u.once.Do(u.prepare)
	return u.config
}

// prepare fills in the defaults, and checks the rest, once.
func (u *Upgrader) prepare() {
	setDefault(&u.MaxUnsent, defaultMaxUnsent)
	setDefault(&u.PingEvery, defaultPingEvery)
	setDefault(&u.PongWithin, defaultPongWithin)
	c := wire.DefaultConfig()
	c.Deflate.On = u.Compression
	setDefault(&u.MessageBytes, c.Limits.MessageBytes)
	setDefault(&u.CompressMin, c.Deflate.MinBytes)
	c.Limits.MessageBytes, c.Deflate.MinBytes = u.MessageBytes, u.CompressMin
	if u.wrong = u.check(); u.wrong == nil {
		u.wrong = c.Validate()
	}
	if u.wrong == nil {
		u.config = c
	}
}

func setDefault[T int | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

func (u *Upgrader) check() error {
	switch {
	case u.Handler == nil:
		return &LimitError{"Handler", "nil", "set"}
	case u.MaxUnsent < 1 || u.MaxUnsent > maxUnsent:
		return &LimitError{"MaxUnsent", fmt.Sprint(u.MaxUnsent), fmt.Sprintf("1 to %d", maxUnsent)}
	case u.SlowPolicy > SlowClose:
		return &LimitError{"SlowPolicy", fmt.Sprint(u.SlowPolicy), "SlowWait, SlowDrop or SlowClose"}
	case u.PingEvery != Off && (u.PingEvery < minTime || u.PingEvery > maxTime):
		return &LimitError{"PingEvery", u.PingEvery.String(), "1ms to 8760h0m0s, or Off"}
	case u.PongWithin < minTime || u.PongWithin > maxTime:
		return &LimitError{"PongWithin", u.PongWithin.String(), "1ms to 8760h0m0s"}
	}
	for _, s := range u.Subprotocols {
		if !isToken(s) {
			return &LimitError{"Subprotocols", fmt.Sprintf("%q", s), "tokens"}
		}
	}
	return nil
}
