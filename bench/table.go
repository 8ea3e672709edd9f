package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// column is a column of the table: a quantity, or its ratio to that of the
// row's reference.
type column struct {
	title    string
	metrics  []metric // the first that the row has
	decimals int
	spread   bool // with the least and greatest of the rounds
	ratio    bool
}

// value is what the column says of c; "" if c has no such quantity.
func (col column) value(c *cell) string {
	for _, m := range col.metrics {
		s := over(c.samples, m)
		if s.n == 0 {
			continue
		}
		if col.ratio {
			return col.compare(c, m, s)
		}
		text := number(s.median, col.decimals)
		if col.spread && s.n > 1 {
			text += fmt.Sprintf(" (%s–%s)", number(s.min, col.decimals), number(s.max, col.decimals))
		}
		return text
	}
	return ""
}

func (col column) compare(c *cell, m metric, s spread) string {
	if c.ref == nil {
		return ""
	}
	ref := over(c.ref.samples, m)
	if ref.n == 0 || ref.median <= 0 {
		return ""
	}
	return number(s.median/ref.median, col.decimals)
}

// number formats v, the thousands of large whole numbers apart.
func number(v float64, decimals int) string {
	text := fmt.Sprintf("%.*f", decimals, v)
	if decimals > 0 || len(text) < 5 || strings.HasPrefix(text, "-") {
		return text
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// writeTable writes the cells as a Markdown table. Rows that follow one of the
// same workload do not repeat its name; a cell that failed says so.
func writeTable(w io.Writer, columns []column, cells []*cell) error {
	head := []string{"workload", "server"}
	for _, col := range columns {
		head = append(head, col.title)
	}
	rows := [][]string{head}
	last := ""
	for _, c := range cells {
		row := []string{"", c.peer.name}
		if c.workload.name != last {
			row[0] = c.workload.name
		}
		last = c.workload.name
		for i, col := range columns {
			text := col.value(c)
			if len(c.samples) == 0 && i == 0 {
				text = "failed"
			}
			if text == "" {
				text = "–"
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	return writeMarkdown(w, rows)
}

// writeMarkdown writes rows, the first of which is the head, columns aligned
// so that the text reads as well as what it renders to.
func writeMarkdown(w io.Writer, rows [][]string) error {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, text := range row {
			width[i] = max(width[i], utf8.RuneCountInString(text), 3)
		}
	}
	for n, row := range rows {
		var b strings.Builder
		for i, text := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(text))
			if i < 2 {
				b.WriteString("| " + text + pad + " ")
			} else {
				b.WriteString("| " + pad + text + " ")
			}
		}
		b.WriteString("|\n")
		if n == 0 {
			for i, wide := range width {
				if i < 2 {
					b.WriteString("|" + strings.Repeat("-", wide+2))
				} else {
					b.WriteString("|" + strings.Repeat("-", wide+1) + ":")
				}
			}
			b.WriteString("|\n")
		}
		if _, err := io.WriteString(w, b.String()); err != nil {
			return err
		}
	}
	return nil
}
