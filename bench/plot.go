package main

import (
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// chart is a figure of bars: for each workload one bar per server.
type chart struct {
	title, axis string
	metric      metric
}

// writePlot draws the medians of a metric as SVG. Workloads that did not
// measure it are left out.
func (ch chart) writePlot(w io.Writer, cells []*cell) error {
	workloads, servers, values := ch.grid(cells)
	p := plot.New()
	p.Title.Text = ch.title
	p.Y.Label.Text = ch.axis
	p.Legend.Top = true
	p.Legend.Left = true
	const bar = 9 // points
	top := 0.0
	for i, server := range servers {
		bars, err := plotter.NewBarChart(plotter.Values(values[i]), vg.Points(bar))
		if err != nil {
			return err
		}
		bars.LineStyle.Width = 0
		bars.Color = plotutil.Color(i)
		bars.Offset = vg.Points(bar * (float64(i) - float64(len(servers)-1)/2))
		p.Add(bars)
		p.Legend.Add(server, bars)
		for _, v := range values[i] {
			top = max(top, v)
		}
	}
	if len(workloads) > 0 {
		p.NominalX(workloads...)
	}
	p.Y.Min, p.Y.Max = 0, top*1.35 // room for the legend
	grid := plotter.NewGrid()
	grid.Vertical.Color = nil
	p.Add(grid)
	width := vg.Points(float64(len(workloads)*(len(servers)*bar+40) + 120))
	canvas, err := p.WriterTo(max(width, vg.Points(480)), vg.Points(360), "svg")
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(w)
	return err
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
