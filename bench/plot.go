package main

import (
	"fmt"
	"io"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// chart is a figure of bars: for each workload one bar per server.
type chart struct {
	title, axis string
	metric      metric
}

// Sizes in points.
const (
	barHeight  = 9
	groupSpace = 12
	plotWidth  = 760
	textSize   = 8
)

// writePlot draws the medians of a metric as SVG. Workloads that did not
// measure it are left out.
func (ch chart) writePlot(w io.Writer, cells []*cell) error {
	workloads, servers, values := ch.grid(cells)
	slices.Reverse(workloads) // the first is to be at the top
	p := plot.New()
	p.Title.Text, p.X.Label.Text = ch.title, ch.axis
	for _, f := range []*font.Font{&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font,
		&p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font} {
		f.Variant = "Sans"
	}
	top := 0.0
	for i, server := range servers {
		slices.Reverse(values[i])
		offset := vg.Points(barHeight * (float64(len(servers)-1)/2 - float64(i)))
		if err := addBars(p, i, server, values[i], offset); err != nil {
			return err
		}
		top = max(top, slices.Max(values[i]))
	}
	if len(workloads) > 0 {
		p.NominalY(workloads...)
	}
	p.X.Min, p.X.Max = 0, top*1.25 // room for numbers and the legend
	height := len(workloads)*(len(servers)*barHeight+groupSpace) + 80
	canvas, err := p.WriterTo(vg.Points(plotWidth), vg.Points(float64(height)), "svg")
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(w)
	return err
}

// addBars adds the bars of one server, each with its number at its end.
func addBars(p *plot.Plot, i int, server string, values []float64, offset font.Length) error {
	bars, err := plotter.NewBarChart(plotter.Values(values), vg.Points(barHeight))
	if err != nil {
		return err
	}
	bars.Horizontal = true
	bars.LineStyle.Width = 0
	bars.Color = plotutil.Color(i)
	bars.Offset = offset
	p.Add(bars)
	p.Legend.Add(server, bars)
	var ends plotter.XYLabels
	for y, v := range values {
		if v > 0 {
			ends.XYs = append(ends.XYs, plotter.XY{X: v, Y: float64(y)})
			ends.Labels = append(ends.Labels, fmt.Sprintf("%.3g", v))
		}
	}
	labels, err := plotter.NewLabels(ends)
	if err != nil {
		return err
	}
	labels.Offset = vg.Point{X: vg.Points(2), Y: offset - vg.Points(textSize*0.36)}
	for j := range labels.TextStyle {
		labels.TextStyle[j].Font.Size = vg.Points(textSize)
		labels.TextStyle[j].Font.Variant = "Sans"
	}
	p.Add(labels)
	return nil
}

// grid is the values by server and workload, 0 where there is none.
func (ch chart) grid(cells []*cell) (workloads, servers []string, values [][]float64) {
	column, row := map[string]int{}, map[string]int{}
	for _, c := range cells {
		if over(c.samples, ch.metric).n == 0 {
			continue
		}
		if _, ok := column[c.workload.name]; !ok {
			column[c.workload.name] = len(workloads)
			workloads = append(workloads, c.workload.name)
		}
		if _, ok := row[c.peer.name]; !ok {
			row[c.peer.name] = len(servers)
			servers = append(servers, c.peer.name)
		}
	}
	values = make([][]float64, len(servers))
	for i := range values {
		values[i] = make([]float64, len(workloads))
	}
	for _, c := range cells {
		if s := over(c.samples, ch.metric); s.n > 0 {
			values[row[c.peer.name]][column[c.workload.name]] = s.median
		}
	}
	return workloads, servers, values
}
