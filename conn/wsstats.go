package conn

import (
	"log/slog"
	"sync/atomic"

	"github.com/uringserve/uringserve/h1/ws"
)

// WebSocketStats are what Stats tells of WebSocket connections. Gauges are
// marked; all else only grows.
type WebSocketStats struct {
	Opened      uint64                // connections that became one
	Active      int64                 // gauge: of these, those whose handler's Close was not called yet
	MessagesIn  uint64                // received
	MessagesOut uint64                // given to connections
	Dropped     uint64                // not taken because the peer is slow
	PingsIn     uint64                // received
	Coalesced   uint64                // of these, those answered with a later one
	Pings       uint64                // sent to silent peers
	Closes      [NumCloses]uint64     // ends, by CloseIndex of their code
	Rejections  [ws.NumReasons]uint64 // by ws.Reason of package h1/ws
}

// NumCloses is the number of classes of close codes.
const NumCloses = 1015 - 1000 + 1 + 3

// CloseIndex is where WebSocketStats.Closes counts a code: 1000 to 1015 from 0
// on, then 3000 to 3999, 4000 to 4999, and others.
func CloseIndex(code ws.CloseCode) int {
	switch {
	case code >= 1000 && code <= 1015:
		return int(code) - 1000
	case code >= 3000 && code <= 3999:
		return NumCloses - 3
	case code >= 4000 && code <= 4999:
		return NumCloses - 2
	}
	return NumCloses - 1
}

// wsTallies are what every message counts, on loop; see tallies.
type wsTallies struct {
	opened, in, out, dropped, pings, coalesced, pinged uint64
}

// wsCounters are a loop's share of WebSocketStats.
type wsCounters struct {
	opened, in, out, dropped, pings, coalesced, pinged atomic.Uint64 // published tallies
	ended                                              atomic.Uint64
	closes                                             [NumCloses]atomic.Uint64
	rejections                                         [ws.NumReasons]atomic.Uint64
}

// closed counts an end.
func (n *wsCounters) closed(code ws.CloseCode) { n.closes[CloseIndex(code)].Add(1) }

// publish shows the tallies.
func (n *wsCounters) publish(m *wsTallies) {
	n.opened.Store(m.opened)
	n.in.Store(m.in)
	n.out.Store(m.out)
	n.dropped.Store(m.dropped)
	n.pings.Store(m.pings)
	n.coalesced.Store(m.coalesced)
	n.pinged.Store(m.pinged)
}

func (n *wsCounters) addTo(s *WebSocketStats) {
	ended := n.ended.Load() // before opened, so that the gauge is not negative
	opened := n.opened.Load()
	s.Opened += opened
	s.Active += int64(opened - ended)
	s.MessagesIn += n.in.Load()
	s.MessagesOut += n.out.Load()
	s.Dropped += n.dropped.Load()
	s.PingsIn += n.pings.Load()
	s.Coalesced += n.coalesced.Load()
	s.Pings += n.pinged.Load()
	addAll(s.Closes[:], n.closes[:])
	addAll(s.Rejections[:], n.rejections[:])
}

// logWebSocket reports a peer that broke the rules, to those who want to know.
func (l *loop) logWebSocket(err *ws.Error) {
	l.emit(slog.LevelDebug, "WebSocket refused", slog.String("reason", err.Reason.String()))
}
