package takeover

import "time"

type routes struct{ tick time.Duration }

func (r *routes) init(tick time.Duration)                         { r.tick = tick }
func (r *routes) inline(rt Runtime, key uint64, always bool) bool { return true }
func (r *routes) begin(key uint64)                                {}
func (r *routes) finished(key uint64, took time.Duration)         {}
func (r *routes) learn(now int64, key uint64, kind lessonKind)    {}
