package conn

import (
	"sync/atomic"

	"github.com/uringserve/uringserve/h1"
	"github.com/uringserve/uringserve/h2"
	"github.com/uringserve/uringserve/tls"
)

// Refusal says why conn itself refused a request or a connection; h1.Reason
// says it for what is malformed. The set is closed.
type Refusal uint8

const (
	// RefusedBodyTooLarge: longer than MaxBodyBytes (413).
	RefusedBodyTooLarge Refusal = iota
	// RefusedBodyCut: the client ended its sending within a body (400).
	RefusedBodyCut
	// RefusedHeadCut: … within a head. Nobody is told.
	RefusedHeadCut
	// RefusedBusy: MaxConns were open already.
	RefusedBusy
	// RefusedUnread: too much of a body was left unread.
	RefusedUnread
	// RefusedTLS: a ClientHello on a port without TLS. Closed.
	RefusedTLS
	// RefusedProtocol: TLS was agreed on, and then nothing that is spoken here
	// (ALPN). Closed.
	RefusedProtocol

	// NumRefusals is the number of refusals.
	NumRefusals = int(iota)
)

var refusals = [NumRefusals]string{"body too large", "body cut", "head cut", "busy", "body left unread",
	"TLS on a cleartext port", "no protocol after the handshake"}

// String is the refusal in words.
func (r Refusal) String() string { return refusals[r] }

// Timeout says which time limit a connection met. The set is closed.
type Timeout uint8

const (
	// TimeoutNone is none.
	TimeoutNone Timeout = iota
	// TimeoutKeepAlive: idle for KeepAliveTimeout.
	TimeoutKeepAlive
	// TimeoutHead: no whole head within HeaderTimeout.
	TimeoutHead
	// TimeoutBodyRate: below MinBodyRate.
	TimeoutBodyRate
	// TimeoutResponseRate: below MinResponseRate.
	TimeoutResponseRate
	// TimeoutUnread: a body left unread did not end within DrainTimeout.
	TimeoutUnread
	// TimeoutLinger: the client did not end within LingerTimeout.
	TimeoutLinger
	// TimeoutDrain: idle after Drain.
	TimeoutDrain
	// TimeoutHandshake: the TLS handshake took longer than HandshakeTimeout.
	TimeoutHandshake
	// TimeoutPong: a WebSocket peer was silent, and did not answer a Ping.
	TimeoutPong
	// TimeoutClosing: … did not answer a Close.
	TimeoutClosing

	// NumTimeouts is one more than the largest Timeout.
	NumTimeouts = int(iota)
)

var timeouts = [NumTimeouts]string{"none", "keep-alive", "request head", "body rate",
	"response rate", "unread body", "linger", "drain", "handshake", "pong", "closing handshake"}

// String is the time limit in words.
func (t Timeout) String() string { return timeouts[t] }

// Stats are a Server's counters, summed over its loops. Gauges are marked; all
// else only grows. Requests, responses and bytes may lag by a turn of a loop.
type Stats struct {
	Conns       uint64                // connections opened, refused ones not counted
	Active      int64                 // gauge: connections open now
	Handling    int64                 // gauge: requests in a handler now
	Hijacked    uint64                // connections that handlers have taken over
	Hijackings  int64                 // gauge: of Handling, those that have
	Requests    uint64                // requests given to handlers
	Responses   [6]uint64             // final responses by class: [2] are 2xx; [0] is unused
	Interim     uint64                // 1xx responses
	BytesIn     uint64                // received
	BytesOut    uint64                // given to the engine
	Panics      uint64                // handlers that panicked, app.ErrAbort not counted
	Exits       uint64                // handlers that called runtime.Goexit
	Broken      uint64                // connections reset by the peer or the network
	Aborted     uint64                // connections that we reset
	ShutAborted uint64                // of those, by AbortAll
	Unread      uint64                // bodies read and dropped after their handler
	BadLength   uint64                // responses whose length was not the declared one
	BadResponse uint64                // responses that could not be sent as they were
	LogsDropped uint64                // log lines not written for want of room
	Rejections  [h1.NumReasons]uint64 // by h1.Reason
	Refusals    [NumRefusals]uint64   // by Refusal
	Timeouts    [NumTimeouts]uint64   // by Timeout

	H2Conns      uint64                // of Conns, those that speak HTTP/2
	H2Resets     uint64                // streams that we reset because their handler failed
	H2Rejections [h2.NumReasons]uint64 // streams and connections, by h2.Reason; [0]: reset by the peer

	WebSocket WebSocketStats

	Secured    uint64                 // TLS handshakes that succeeded
	Handshakes [tls.NumReasons]uint64 // those that failed, by tls.Reason
	Truncated  uint64                 // connections with TLS that their client ended without saying so
	BadRecords uint64                 // connections with TLS that broke
}

// tallies are what every request counts. On loop, plain numbers; publish shows
// them to others, so that a request does not pay for each.
type tallies struct {
	requests, handled, bytesIn, bytesOut uint64
	responses                            [6]uint64
	ws                                   wsTallies
}

// counters are one loop's share of Stats, read from anywhere.
type counters struct {
	conns, hijacked, interim, logsDropped       atomic.Uint64
	panics, exits, broken, aborted, shutAborted atomic.Uint64
	unread, badLength, badResponse              atomic.Uint64
	streamed                                    [6]atomic.Uint64 // responses of which handler code sent the head
	requests, bytesIn, bytesOut                 atomic.Uint64    // published tallies
	handling                                    atomic.Int64
	responses                                   [6]atomic.Uint64
	rejections                                  [h1.NumReasons]atomic.Uint64
	refusals                                    [NumRefusals]atomic.Uint64
	timeouts                                    [NumTimeouts]atomic.Uint64
	h2conns, h2resets                           atomic.Uint64
	h2rejections                                [h2.NumReasons]atomic.Uint64
	secured, truncated, badRecords              atomic.Uint64
	handshakes                                  [tls.NumReasons]atomic.Uint64
	ws                                          wsCounters
	_                                           [64]byte // no two loops share a line
}

// publish shows the tallies to Stats. On loop, before the engine waits.
func (l *loop) publish() {
	l.n.requests.Store(l.m.requests)
	l.n.handling.Store(int64(l.m.requests - l.m.handled)) // one number, so that it is never of two moments
	l.n.bytesIn.Store(l.m.bytesIn)
	l.n.bytesOut.Store(l.m.bytesOut)
	for i, n := range l.m.responses {
		l.n.responses[i].Store(n)
	}
	l.n.ws.publish(&l.m.ws)
}

func (n *counters) addTo(s *Stats) {
	s.Conns += n.conns.Load()
	s.Hijacked += n.hijacked.Load()
	s.Requests += n.requests.Load()
	s.Handling += n.handling.Load()
	s.Interim += n.interim.Load()
	s.BytesIn += n.bytesIn.Load()
	s.BytesOut += n.bytesOut.Load()
	s.Panics += n.panics.Load()
	s.Exits += n.exits.Load()
	s.Broken += n.broken.Load()
	s.Aborted += n.aborted.Load()
	s.ShutAborted += n.shutAborted.Load()
	s.Unread += n.unread.Load()
	s.BadLength += n.badLength.Load()
	s.BadResponse += n.badResponse.Load()
	s.LogsDropped += n.logsDropped.Load()
	addAll(s.Responses[:], n.responses[:])
	addAll(s.Responses[:], n.streamed[:])
	addAll(s.Rejections[:], n.rejections[:])
	addAll(s.Refusals[:], n.refusals[:])
	addAll(s.Timeouts[:], n.timeouts[:])
	s.H2Conns += n.h2conns.Load()
	s.H2Resets += n.h2resets.Load()
	addAll(s.H2Rejections[:], n.h2rejections[:])
	n.ws.addTo(&s.WebSocket)
	s.Secured += n.secured.Load()
	s.Truncated += n.truncated.Load()
	s.BadRecords += n.badRecords.Load()
	addAll(s.Handshakes[:], n.handshakes[:])
}

func addAll(to []uint64, from []atomic.Uint64) {
	for i := range from {
		to[i] += from[i].Load()
	}
}
