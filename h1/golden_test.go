package h1

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the logs of testdata/*.txt anew")

// A golden file has cases:
//
//	=== name
//	input, as the inside of a Go string; line ends of the file do not count
//	---
//	the log, see replayer
//
// Lines before the first case are comments.
type goldenCase struct{ name, source, log string }

func readGolden(t *testing.T, path string) (preamble string, cases []goldenCase) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split("\n"+string(text), "\n=== ")
	for _, part := range parts[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		source, log, ok := strings.Cut(rest, "\n---\n")
		if !ok {
			source = strings.TrimSuffix(rest, "\n---")
		}
		cases = append(cases, goldenCase{name, source, strings.TrimRight(log, "\n") + "\n"})
	}
	return strings.TrimPrefix(parts[0], "\n"), cases
}

func (c goldenCase) input(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	for line := range strings.SplitSeq(c.source, "\n") {
		s, err := strconv.Unquote(`"` + strings.ReplaceAll(line, `"`, `\"`) + `"`)
		if err != nil {
			t.Fatalf("%s: bad source line %q: %v", c.name, line, err)
		}
		b.WriteString(s)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			preamble, cases := readGolden(t, path)
			for i := range cases {
				if *rewrite {
					cases[i].log = replay(DefaultLimits(), cases[i].input(t))
				}
				t.Run(cases[i].name, func(t *testing.T) { checkGolden(t, cases[i]) })
			}
			if *rewrite {
				writeGolden(t, path, preamble, cases)
			}
		})
	}
}

func writeGolden(t *testing.T, path, preamble string, cases []goldenCase) {
	var b strings.Builder
	b.WriteString(strings.TrimRight(preamble, "\n") + "\n")
	for _, c := range cases {
		fmt.Fprintf(&b, "\n=== %s\n%s\n---\n%s", c.name, c.source, c.log)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// checkGolden replays the case whole, cut in two at every place, byte by byte,
// and with another request behind it.
func checkGolden(t *testing.T, c goldenCase) {
	lim := DefaultLimits()
	input := c.input(t)
	want := c.log
	if got := replay(lim, input); got != want {
		t.Fatalf("whole:\ngot:\n%swant:\n%s", got, want)
	}
	for i := 1; i < len(input); i++ {
		if got := replay(lim, input[:i], input[i:]); got != want {
			t.Fatalf("cut at %d:\ngot:\n%swant:\n%s", i, got, want)
		}
	}
	if got := replayBytewise(lim, input); got != want {
		t.Fatalf("byte by byte:\ngot:\n%swant:\n%s", got, want)
	}
	const next = "GET /next HTTP/1.1\r\nHost: next\r\n\r\n"
	behind := append(bytes.Clone(input), next...)
	switch {
	case strings.HasSuffix(want, "\nend\n"):
		want = strings.TrimSuffix(want, "end\n") + replay(lim, []byte(next))
	case strings.Contains(want, "refused "):
		// What comes after an error is never looked at.
	default:
		return
	}
	if got := replay(lim, behind); got != want {
		t.Fatalf("with bytes behind:\ngot:\n%swant:\n%s", got, want)
	}
}
