package conn

import (
	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/h1"
)

// What the loop does for an exchange, whatever the protocol. On loop.

// takeWants gives what handler code wants, once.
func (s *exchange) takeWants() want {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.want
	s.want = 0
	return w
}

// tellInfo answers those who asked for the description of the connection.
func (s *exchange) tellInfo(info *app.ConnInfo) {
	s.mu.Lock()
	s.info = info
	s.wakeAsks()
	s.unlock()
}

// settle tells the writer how much of its output has not gone.
func (s *exchange) settle(queued int) {
	s.mu.Lock()
	s.queued = queued
	if !s.full() {
		s.wakeWriter()
	}
	s.unlock()
}

// faultStatus is the status that tells the client what is wrong with its body;
// 0: nothing is, or nobody is left to be told.
func (s *exchange) faultStatus() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bodyErr == nil && s.length > s.limit {
		s.refuseTooLarge()
	}
	if s.bodyErr == nil || s.bodyErr.Fault == app.BodyGone {
		return 0
	}
	if e, ok := s.bodyErr.Err.(*h1.Error); ok {
		return e.Status
	}
	return s.bodyErr.Status()
}
