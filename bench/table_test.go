package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestOver(t *testing.T) {
	samples := []sample{{rps: 3}, {rps: 1}, {pss: 9}, {rps: 2}}
	if got, want := over(samples, rps), (spread{2, 1, 3, 3}); got != want {
		t.Errorf("odd: got %+v, want %+v", got, want)
	}
	if got, want := over(samples[:2], rps), (spread{2, 1, 3, 2}); got != want {
		t.Errorf("even: got %+v, want %+v", got, want)
	}
	if got := over(samples, lag); got.n != 0 {
		t.Errorf("absent: got %+v", got)
	}
}

func TestNumber(t *testing.T) {
	for want, got := range map[string]string{
		"9999": number(9999, 0), "10,000": number(10_000, 0), "1,234,567": number(1234567.4, 0),
		"12345.68": number(12345.678, 2), "0": number(0.4, 0),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// testCells are two workloads on two servers, one of which failed once.
func testCells() []*cell {
	fast := workload{name: "fast"}
	idle := workload{name: "idle"}
	ref := &cell{workload: fast, peer: peer{name: "nginx"}, samples: []sample{{cpuReq: 5, rps: 90_000}, {cpuReq: 6, rps: 80_000}, {cpuReq: 5.5, rps: 85_000}}}
	ref.ref = ref
	return []*cell{
		{workload: fast, peer: peer{name: "ours"}, ref: ref, samples: []sample{{cpuReq: 4.4, rps: 100_000}}},
		ref,
		{workload: idle, peer: peer{name: "ours"}, err: errors.New("ended")},
		{workload: idle, peer: peer{name: "nginx"}, samples: []sample{{idleConn: 0.5}}},
	}
}

func TestWriteTable(t *testing.T) {
	columns := []column{
		{title: "req/s", metrics: []metric{rps}},
		{title: "CPU", metrics: []metric{cpuReq, idleConn}, decimals: 1, spread: true},
		{title: "× nginx", metrics: []metric{cpuReq}, decimals: 2, ratio: true},
	}
	var b bytes.Buffer
	if err := writeTable(&b, columns, testCells()); err != nil {
		t.Fatal(err)
	}
	const want = `| workload | server |   req/s |           CPU | × nginx |
|----------|--------|--------:|--------------:|--------:|
| fast     | ours   | 100,000 |           4.4 |    0.80 |
|          | nginx  |  85,000 | 5.5 (5.0–6.0) |    1.00 |
| idle     | ours   |  failed |             – |       – |
|          | nginx  |       – |           0.5 |       – |
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWritePlot(t *testing.T) {
	var b bytes.Buffer
	ch := chart{title: "A title", axis: "µs", metric: cpuReq}
	if err := ch.writePlot(&b, testCells()); err != nil {
		t.Fatal(err)
	}
	svg := b.String()
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("not XML: %v", err)
		}
	}
	for _, want := range []string{"<svg", "A title", "ours", "nginx", "fast"} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %q in the plot", want)
		}
	}
	if strings.Contains(svg, "idle") {
		t.Error("a workload without the metric is in the plot")
	}
	if err := ch.writePlot(io.Discard, nil); err != nil {
		t.Errorf("a plot of nothing: %v", err)
	}
}

func TestReportNames(t *testing.T) {
	cells := testCells()
	cells[0].samples[0][others] = 40
	cells[1].samples[0][failed] = 7
	rep := &report{title: "T", columns: requestColumns(reference), cells: cells}
	kept := rep.present([]peer{{name: "a", about: "1.0"}, {name: "b", missing: "not installed"}})
	if len(kept) != 1 || kept[0].name != "a" {
		t.Errorf("kept %v", kept)
	}
	cells[2].err = errors.New("idle, ours: ended")
	rep.conclude()
	var b bytes.Buffer
	if err := rep.markdown(&b, "t.svg"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a: 1.0", "MISSING: b: not installed", "FAILED: idle, ours: ended",
		"NOT QUIET: in 1 of 4 rows", "40 %", "fast, nginx: up to 7 requests failed", "](t.svg)"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
