package h2

// A Budget bounds how often the peer may do something that is legal, costs us
// more than it, and is seldom needed. Burst times at once; then the level
// sinks by PerSecond. Once more than that ends the connection with
// ENHANCE_YOUR_CALM. What refunds says lowers the level by one each time.
type Budget struct {
	Burst     int // 0: never
	PerSecond int // 0: it does not sink
}

// Budgets are one Budget for each abuse. The defaults are ours: the references
// either have none, or count differently.
type Budgets struct {
	// Resets: RST_STREAM for a stream that had not ended (rapid reset,
	// CVE-2023-44487). A stream that ends well refunds one. Default 200, 100
	// a second. More: ResetFlood.
	Resets Budget
	// ForcedResets: stream errors that the peer made us send (MadeYouReset,
	// CVE-2025-8671). Default 100, 20 a second. More: ForcedResetFlood.
	ForcedResets Budget
	// Refused: streams above Limits.Streams. Default 2000, 100 a second: a
	// client does not know the limit at first. More: RefusedFlood.
	Refused Budget
	// Settings: SETTINGS frames, acknowledgements included. Default 100, 10 a
	// second. More: SettingsFlood.
	Settings Budget
	// Pings: PING frames, answers included. A DATA frame that we send refunds
	// one, as clients measure with them. Default 1000, 100 a second. More:
	// PingFlood.
	Pings Budget
	// Priorities: PRIORITY and PRIORITY_UPDATE. A new stream refunds one.
	// Default 1000, 100 a second. More: PriorityFlood.
	Priorities Budget
	// EmptyData: DATA without content and without END_STREAM. Default 100, 10
	// a second. More: EmptyDataFlood.
	EmptyData Budget
	// TinyWindows: WINDOW_UPDATE by less than 256. A DATA frame that we send,
	// unless the window cut it short, refunds one, as some clients answer
	// each. Default 1000, 100 a second. More: WindowFlood.
	TinyWindows Budget
	// LateFrames: frames on streams that are closed, where they are ignored.
	// Default 10000, 1000 a second: after our RST_STREAM a whole window of
	// DATA may be under way. More: LateFlood.
	LateFrames Budget
	// UnknownFrames: frames of unknown types, and GOAWAY. Default 1000, 100 a
	// second. More: UnknownFlood.
	UnknownFrames Budget
}

// DefaultBudgets are the budgets a server starts with.
func DefaultBudgets() Budgets {
	return Budgets{
		Resets:        Budget{200, 100},
		ForcedResets:  Budget{100, 20},
		Refused:       Budget{2000, 100},
		Settings:      Budget{100, 10},
		Pings:         Budget{1000, 100},
		Priorities:    Budget{1000, 100},
		EmptyData:     Budget{100, 10},
		TinyWindows:   Budget{1000, 100},
		LateFrames:    Budget{10000, 1000},
		UnknownFrames: Budget{1000, 100},
	}
}

// tinyIncrement is what a WINDOW_UPDATE has to reach not to be tiny, in bytes.
const tinyIncrement = 256

const maxBudget = 1 << 20

func (b *Budgets) validate() error {
	for _, c := range [...]struct {
		name string
		b    Budget
	}{
		{"Resets", b.Resets}, {"ForcedResets", b.ForcedResets}, {"Refused", b.Refused},
		{"Settings", b.Settings}, {"Pings", b.Pings}, {"Priorities", b.Priorities},
		{"EmptyData", b.EmptyData}, {"TinyWindows", b.TinyWindows},
		{"LateFrames", b.LateFrames}, {"UnknownFrames", b.UnknownFrames},
	} {
		if c.b.Burst < 0 || c.b.Burst > maxBudget {
			return &LimitError{c.name + ".Burst", c.b.Burst, 0, maxBudget}
		}
		if c.b.PerSecond < 0 || c.b.PerSecond > maxBudget {
			return &LimitError{c.name + ".PerSecond", c.b.PerSecond, 0, maxBudget}
		}
	}
	return nil
}

// levels are how much of each budget a connection has used.
type levels struct {
	resets, forced, refused, settings, pings, priorities,
	emptyData, tinyWindows, late, unknown level
}

// A level is how much of one budget is used.
type level struct {
	used  int32
	since int64 // when it last sank, in nanoseconds
}

const second = 1_000_000_000

// take uses one of b at the time now; false: there is none left.
func (l *level) take(now int64, b Budget) bool {
	l.sink(now, int64(b.PerSecond))
	if int(l.used) >= b.Burst {
		return false
	}
	l.used++
	return true
}

// sink lowers the level by what time has passed. The part of a second that
// does not make a whole unit is kept for the next time.
func (l *level) sink(now, perSecond int64) {
	elapsed := now - l.since
	switch {
	case elapsed <= 0 || perSecond == 0:
		if l.used == 0 {
			l.since = now
		}
	case l.used == 0 || elapsed/second >= int64(l.used)/perSecond+1:
		l.used, l.since = 0, now
	default:
		// At most maxBudget seconds and as much a second: no overflow.
		units := elapsed / second * perSecond
		units += elapsed % second * perSecond / second
		if units >= int64(l.used) {
			l.used, l.since = 0, now // what is over is not saved up
			return
		}
		l.used -= int32(units)
		l.since += units * second / perSecond
	}
}

// refund gives one back.
func (l *level) refund() { l.used = max(l.used-1, 0) }
