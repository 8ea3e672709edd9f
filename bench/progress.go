package main

import (
	"fmt"
	"io"
	"time"
)

// progress says what a run is doing: a line per cell.
type progress struct {
	w       io.Writer
	now     func() time.Time
	began   time.Time
	cells   int
	total   time.Duration // sum of the cells' costs
	settled time.Duration // sum of the costs of those done
	count   int
}

func newProgress(w io.Writer) *progress { return &progress{w: w, now: time.Now} }

// say prints a line of its own.
func (p *progress) say(format string, args ...any) { fmt.Fprintf(p.w, "bench: "+format+"\n", args...) }

// begin starts the clock of a run of so many cells.
func (p *progress) begin(cells int, total time.Duration) {
	p.cells, p.total, p.began = cells, total, p.now()
	p.say("%d cells, about %v", cells, total.Round(time.Second))
}

// done says that a cell has ended, with its sample or an error.
func (p *progress) done(c *cell, round, rounds int, m sample, err error) {
	p.count++
	p.settled += c.workload.cost
	elapsed := p.now().Sub(p.began)
	remaining := time.Duration(0)
	if p.settled > 0 {
		remaining = time.Duration(float64(elapsed) * float64(p.total-p.settled) / float64(p.settled))
	}
	outcome := ""
	if err != nil {
		outcome = "FAILED: " + err.Error()
	} else {
		outcome = brief(m)
	}
	p.say("[%*d/%d] round %d/%d  %-30s %-30s %s  (elapsed %v, remaining %v)", len(fmt.Sprint(p.cells)), p.count,
		p.cells, round+1, rounds, c.workload.name, c.peer.name, outcome,
		elapsed.Round(time.Second), remaining.Round(time.Second))
}

// brief is a sample in a few words.
func brief(m sample) string {
	s := ""
	add := func(format string, metric metric) {
		if v, ok := m[metric]; ok {
			s += fmt.Sprintf(format, v)
		}
	}
	add("%8.0f req/s", rps)
	add(" %6.2f µs/req", cpuReq)
	add(" p99 %.2f ms", p99)
	add(" max %.1f ms", maxLat)
	add(" %.2f KB/conn", idleConn)
	add(" idle %.2f %%", idleCPU)
	add(" (others %.0f %%)", others)
	return s
}
