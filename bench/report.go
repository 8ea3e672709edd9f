package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// requestColumns are the columns of profiles that measure requests, compared
// with the peer ref. README.md says what they mean.
func requestColumns(ref string) []column {
	return []column{
		{title: "req/s", metrics: []metric{rps}},
		{title: "p50 ms", metrics: []metric{p50}, decimals: 3},
		{title: "p99 ms", metrics: []metric{p99}, decimals: 3},
		{title: "p99.9 ms", metrics: []metric{p999}, decimals: 3},
		{title: "max ms", metrics: []metric{maxLat}, decimals: 1},
		{title: "CPU/req µs (min–max)", metrics: []metric{cpuReq}, decimals: 2, spread: true},
		{title: "user", metrics: []metric{userReq}, decimals: 2},
		{title: "sys", metrics: []metric{sysReq}, decimals: 2},
		{title: "× " + ref, metrics: []metric{cpuReq, idleConn}, decimals: 2, ratio: true},
		{title: "PSS MB", metrics: []metric{pss}, decimals: 1},
		{title: "KB/idle conn (min–max)", metrics: []metric{idleConn}, decimals: 2, spread: true},
		{title: "idle CPU %", metrics: []metric{idleCPU}, decimals: 2},
		{title: "load CPU %", metrics: []metric{loadBusy}},
	}
}

// tlsColumns are the columns of the profile tls.
func tlsColumns(ref string) []column {
	return []column{
		{title: "handshakes/s", metrics: []metric{rps}},
		{title: "per CPU-second", metrics: []metric{perCPU}},
		{title: "CPU/handshake µs (min–max)", metrics: []metric{cpuReq}, decimals: 1, spread: true},
		{title: "user", metrics: []metric{userReq}, decimals: 1},
		{title: "sys", metrics: []metric{sysReq}, decimals: 1},
		{title: "× " + ref, metrics: []metric{cpuReq, idleConn}, decimals: 2, ratio: true},
		{title: "PSS MB", metrics: []metric{pss}, decimals: 1},
		{title: "KB/idle conn (min–max)", metrics: []metric{idleConn}, decimals: 2, spread: true},
		{title: "idle CPU %", metrics: []metric{idleCPU}, decimals: 2},
		{title: "load CPU %", metrics: []metric{loadBusy}},
	}
}

// blockingColumns are the columns of the profile blocking.
var blockingColumns = []column{
	{title: "req/s", metrics: []metric{rps}},
	{title: "p50 ms", metrics: []metric{p50}, decimals: 3},
	{title: "p99 ms (min–max)", metrics: []metric{p99}, decimals: 2, spread: true},
	{title: "× alone", metrics: []metric{p99}, decimals: 2, ratio: true},
	{title: "max ms (min–max)", metrics: []metric{maxLat}, decimals: 1, spread: true},
	{title: "× alone", metrics: []metric{maxLat}, decimals: 2, ratio: true},
	{title: "lag p99 ms", metrics: []metric{lag}, decimals: 2},
	{title: "beside req/s", metrics: []metric{beside}},
	{title: "PSS MB", metrics: []metric{pss}, decimals: 1},
}

// report is the outcome of a profile.
type report struct {
	profile  string
	title    string
	columns  []column
	chart    chart
	facts    []string
	notes    []string
	failures []string
	cells    []*cell
}

func (r *runner) newReport(title string, columns []column, ch chart) *report {
	c := r.cfg
	rep := &report{profile: c.profile, title: title, columns: columns,
		chart: ch}
	rep.facts = append(rep.facts,
		time.Now().UTC().Format("2006-01-02 15:04 UTC")+", "+r.commit+", "+goVersion(),
		fmt.Sprintf("Linux %s, %s, %d CPUs; server on CPU %d, load on CPU %d", kernelRelease(), cpuModel(),
			runtime.NumCPU(), c.serverCPU, c.loadCPU),
		fmt.Sprintf("%d rounds, medians; windows %v closed loop, %v open loop", c.rounds, c.window, c.openWindow))
	if r.wire.tls {
		rep.facts = append(rep.facts, cryptography)
	}
	if !r.netns {
		rep.notes = append(rep.notes, "no permission to make network namespaces: sockets in TIME_WAIT of one cell may disturb the next")
	}
	return rep
}

// present notes what each peer is, and answers those that can run.
func (rep *report) present(peers []peer) []peer {
	var kept []peer
	for _, p := range peers {
		if p.missing != "" {
			rep.notes = append(rep.notes, "MISSING: "+p.name+": "+p.missing)
			continue
		}
		rep.facts = append(rep.facts, p.name+": "+p.about)
		kept = append(kept, p)
	}
	return kept
}

// quietShare is the share of a CPU, in percent, beyond which other processes
// spoil a number.
const quietShare = 5

// conclude notes what a reader has to know of the cells.
func (rep *report) conclude() {
	loud, loudest, where := 0, 0.0, ""
	for _, c := range rep.cells {
		name := c.workload.name + ", " + c.peer.name
		if c.err != nil {
			rep.failures = append(rep.failures, c.err.Error())
		}
		if s := over(c.samples, others); s.max > quietShare {
			loud++
			if s.max > loudest {
				loudest, where = s.max, name
			}
		}
		if s := over(c.samples, failed); s.max > 0 {
			rep.notes = append(rep.notes, fmt.Sprintf("%s: up to %.0f requests failed in a round", name, s.max))
		}
	}
	if loud > 0 {
		rep.notes = append(rep.notes, fmt.Sprintf("NOT QUIET: in %d of %d rows more than %d %% of a CPU went to other processes, at most %.0f %% (%s)",
			loud, len(rep.cells), quietShare, loudest, where))
	}
}

// markdown writes the whole report; plotFile is the name of the plot beside it.
func (rep *report) markdown(w io.Writer, plotFile string) error {
	fmt.Fprintf(w, "# %s\n\n", rep.title)
	for _, f := range rep.facts {
		fmt.Fprintf(w, "- %s\n", f)
	}
	fmt.Fprintln(w)
	if err := writeTable(w, rep.columns, rep.cells); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n![%s](%s)\n", rep.chart.title, plotFile)
	if len(rep.failures)+len(rep.notes) > 0 {
		fmt.Fprintf(w, "\nNotes:\n\n")
	}
	for _, f := range rep.failures {
		fmt.Fprintf(w, "- FAILED: %s\n", f)
	}
	for _, n := range rep.notes {
		fmt.Fprintf(w, "- %s\n", n)
	}
	return nil
}

// rawCell is a cell in the JSON that keeps every round.
type rawCell struct {
	Workload, Server string
	Rounds           []sample
}

// write prints the report and saves it: Markdown, SVG, and JSON with every
// round.
func (rep *report) write(stdout io.Writer, cfg config) error {
	if err := os.MkdirAll(cfg.out, 0o755); err != nil {
		return err
	}
	base := filepath.Join(cfg.out, rep.profile+"-"+time.Now().Format("20060102-150405"))
	var raw []rawCell
	for _, c := range rep.cells {
		raw = append(raw, rawCell{c.workload.name, c.peer.name, c.samples})
	}
	text, err := json.MarshalIndent(raw, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(base+".json", text, 0o644); err != nil {
		return err
	}
	bases := []string{base}
	if cfg.save != "" {
		bases = append(bases, strings.TrimSuffix(cfg.save, ".md"))
	}
	for _, b := range bases {
		if err := rep.saveAs(b); err != nil {
			return err
		}
	}
	if err := rep.markdown(stdout, filepath.Base(base)+".svg"); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "\nsaved as %s.{md,svg,json}\n", base)
	return err
}

// saveAs writes base.md and base.svg.
func (rep *report) saveAs(base string) error {
	if err := os.MkdirAll(filepath.Dir(base), 0o755); err != nil {
		return err
	}
	var md, svg bytes.Buffer
	if err := rep.markdown(&md, filepath.Base(base)+".svg"); err != nil {
		return err
	}
	if err := rep.chart.writePlot(&svg, rep.cells); err != nil {
		return err
	}
	if err := os.WriteFile(base+".md", md.Bytes(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(base+".svg", svg.Bytes(), 0o644)
}

// cpuModel is the name of the machine's processor.
func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.Trim(name, "\t :\n")
		}
	}
	return "unknown CPU"
}
