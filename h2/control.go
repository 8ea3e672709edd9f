package h2

import "encoding/binary"

// priorityFrame handles PRIORITY (RFC 9113 §6.3). It is checked, and has no
// effect: RFC 9113 §5.3.2 deprecates it.
func (c *Conn) priorityFrame(h FrameHeader, p []byte) {
	_, s := c.stateOf(h.ID)
	switch {
	case len(p) != priorityBytes:
		c.priorityError(s, BadPriorityLength)
	case parsePriorityParam(p).Dependency == h.ID:
		c.priorityError(s, SelfDependency)
	default:
		c.spend(&c.levels.priorities, c.cfg.Budgets.Priorities, PriorityFlood)
	}
}

// priorityError is a stream error if there is a stream to be reset. RST_STREAM
// may not be sent for others (§6.4).
func (c *Conn) priorityError(s *stream, r Reason) {
	if s == nil || !s.state.live() {
		c.fail(r)
		return
	}
	c.resetStream(s, r)
}

// rstStream handles RST_STREAM (RFC 9113 §6.4).
func (c *Conn) rstStream(h FrameHeader, p []byte) {
	state, s := c.stateOf(h.ID)
	switch o := transitions[state][recvReset]; o.verdict {
	case connError:
		c.fail(o.reason)
	case ignore:
		c.late()
	case accept:
		held := s.linger == lingerNot
		s.transit(recvReset)
		c.settle(s)
		if c.spend(&c.levels.resets, c.cfg.Budgets.Resets, ResetFlood) && held {
			c.emit(Event{Kind: EventReset, ID: h.ID, ByPeer: true, Code: Code(binary.BigEndian.Uint32(p))})
		}
	}
}

// settings handles SETTINGS (RFC 9113 §6.5).
func (c *Conn) settings(h FrameHeader, p []byte) {
	if !c.spend(&c.levels.settings, c.cfg.Budgets.Settings, SettingsFlood) {
		return
	}
	if h.Flags.Has(FlagAck) {
		if len(p) > 0 {
			c.fail(BadFrameSize) // §6.5
			return
		}
		c.settingsAcked()
		return
	}
	window := uint32(c.peer.window)
	for ; len(p) > 0; p = p[settingBytes:] {
		set := parseSetting(p)
		if set.ID == SettingInitialWindowSize {
			window = set.Value
		}
		if r := c.setting(set); r != 0 {
			c.fail(r)
			return
		}
	}
	// The windows of streams follow the last value: what was in between has
	// been seen by nothing.
	if window != uint32(c.peer.window) && !c.moveWindows(int32(window)) {
		c.fail(BadWindowSetting)
		return
	}
	c.out = AppendSettingsAck(c.out)
	if c.queued(); c.err != nil {
		return
	}
	if !c.peer.seen {
		c.peer.seen = true
		c.emit(Event{Kind: EventReady})
		return
	}
	c.emitWindow(0)
}

// setting takes one setting (RFC 9113 §6.5.2).
func (c *Conn) setting(s Setting) Reason {
	switch s.ID {
	case SettingHeaderTableSize:
		c.enc.SetPeerMax(s.Value)
	case SettingEnablePush, SettingEnableConnect: // RFC 8441 §3: 0 or 1
		if s.Value > 1 {
			return BadSetting
		}
	case SettingInitialWindowSize:
		if s.Value > maxWindow {
			return BadWindowSetting
		}
	case SettingMaxFrameSize:
		if s.Value < minFrameBytes || s.Value > maxFrameBytes {
			return BadSetting // and of no use to us: see frameBytes
		}
	case SettingNoRFC7540Priorities:
		// RFC 9218 §2.1: 0 or 1, and not changed after the first SETTINGS.
		if s.Value > 1 || c.peer.seen && c.peer.priority != int64(s.Value) && (s.Value != 0 || c.peer.priority >= 0) {
			return BadSetting
		}
		c.peer.priority = int64(s.Value)
	}
	return 0 // others MUST be ignored
}

// moveWindows gives all streams another initial window (RFC 9113 §6.9.2);
// false: one of them would get too large.
func (c *Conn) moveWindows(window int32) bool {
	delta := int64(window) - int64(c.peer.window)
	c.peer.window = window
	for s := range c.streams.all {
		moved := int64(s.sendWindow) + delta
		if moved > maxWindow && s.state.localOpen() {
			return false
		}
		s.sendWindow = int32(max(min(moved, maxWindow), -maxWindow))
		c.sched.update(s)
	}
	return true
}

// settingsAcked: from now on the peer goes by our SETTINGS (RFC 9113 §6.5.3).
// A second acknowledgement is of nothing, and ignored.
func (c *Conn) settingsAcked() {
	if c.ours.acked {
		return
	}
	c.ours.acked = true
	l := &c.cfg.Limits
	if l.TableBytes < defaultTable {
		c.dec.SetMaxTable(uint32(l.TableBytes))
	}
	if delta := int32(l.StreamWindow) - c.ours.window; delta < 0 {
		c.ours.window += delta
		for s := range c.streams.all {
			s.recvWindow += delta
			// What is consumed may be half of the window only now, and the
			// peer may wait for it.
			c.returnStream(s, 0)
		}
	}
}

// windowUpdate handles WINDOW_UPDATE (RFC 9113 §6.9).
func (c *Conn) windowUpdate(h FrameHeader, p []byte) {
	increment := int32(binary.BigEndian.Uint32(p) & maxWindow)
	if increment < tinyIncrement && !c.spend(&c.levels.tinyWindows, c.cfg.Budgets.TinyWindows, WindowFlood) {
		return
	}
	if h.ID == 0 {
		c.connWindow(increment)
		return
	}
	state, s := c.stateOf(h.ID)
	switch o := transitions[state][recvWindowUpdate]; {
	case o.verdict == connError:
		c.fail(o.reason)
	case increment == 0:
		// §6.9: a stream error, also of one that has just ended.
		c.streamError(h.ID, s, StreamZeroIncrement)
	case o.verdict == ignore:
		c.late()
	case increment > maxWindow-max(s.sendWindow, 0) && int64(s.sendWindow)+int64(increment) > maxWindow:
		c.resetStream(s, StreamWindowOverflow) // §6.9.1
	default:
		s.sendWindow += increment
		c.sched.update(s)
		c.emitWindow(h.ID)
	}
}

func (c *Conn) connWindow(increment int32) {
	switch {
	case increment == 0:
		c.fail(ConnZeroIncrement)
	case int64(c.sendWindow)+int64(increment) > maxWindow:
		c.fail(ConnWindowOverflow) // RFC 9113 §6.9.1
	default:
		c.sendWindow += increment
		c.emitWindow(0)
	}
}

// emitWindow tells of a window that grew, if somebody waits for it.
func (c *Conn) emitWindow(id uint32) {
	if c.sched.pick(c.sendWindow > 0) != nil {
		c.emit(Event{Kind: EventWindow, ID: id})
	}
}

// priorityUpdate handles PRIORITY_UPDATE (RFC 9218 §7.1).
func (c *Conn) priorityUpdate(p []byte) {
	id := binary.BigEndian.Uint32(p) & maxID
	if id%2 == 0 {
		c.fail(BadPriorityUpdate) // 0, or a push: PROTOCOL_ERROR
		return
	}
	if !c.spend(&c.levels.priorities, c.cfg.Budgets.Priorities, PriorityFlood) {
		return
	}
	now := parsePriority(p[4:])
	switch state, s := c.stateOf(id); {
	case s != nil:
		s.updated = true
		if s.urgency, s.incremental = now.urgency, now.incremental; s.queue != 0 {
			c.sched.update(s)
		}
	case state == StateIdle:
		c.early.put(id, now)
	}
}
