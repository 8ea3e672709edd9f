package h2

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the logs of ../testdata/h2/*.txt anew")

// A golden file has cases:
//
//	=== name
//	what the client sends, a frame a line, see script
//	---
//	the log, see replayer
//
// Lines before the first case are comments.
type goldenCase struct{ name, source, log string }

const goldenFiles = "../testdata/h2/*.txt"

func readGolden(t testing.TB, path string) (preamble string, cases []goldenCase) {
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

func goldenPaths(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(goldenFiles)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	return paths
}

func TestGolden(t *testing.T) {
	for _, path := range goldenPaths(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			preamble, cases := readGolden(t, path)
			for i := range cases {
				input := script(t, cases[i].source)
				if *rewrite {
					cases[i].log = replay(input)
				}
				t.Run(cases[i].name, func(t *testing.T) { checkGolden(t, input, cases[i].log) })
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

// checkGolden replays the case whole, cut in two at every place, and byte by
// byte.
func checkGolden(t *testing.T, input []byte, want string) {
	if got := replay(input); got != want {
		t.Fatalf("whole:\ngot:\n%swant:\n%s", got, want)
	}
	step := 1
	if len(input) > 4096 {
		step = 61 // a prime, so that long inputs are cut everywhere in a frame
	}
	for i := 1; i < len(input); i += step {
		if got := replay(input[:i:i], input[i:]); got != want {
			t.Fatalf("cut at %d:\ngot:\n%swant:\n%s", i, got, want)
		}
	}
	pieces := make([][]byte, len(input))
	for i := range input {
		pieces[i] = input[i : i+1 : i+1]
	}
	if got := replay(pieces...); got != want {
		t.Fatalf("byte by byte:\ngot:\n%swant:\n%s", got, want)
	}
}

// script makes bytes of lines:
//
//	preface | settings [ID=VALUE]… | ack | greet (all three) | bytes GO-STRING
//	headers ID [end] [open] [pad=N] [dep=ID] [: NAME=VALUE | …]
//	get ID [: NAME=VALUE | …]       headers of a good GET, and more fields
//	post ID [: …]                   headers of a good POST without end
//	cont ID [open] [: …]
//	data ID [end] [pad=N] [: TEXT]
//	rst ID CODE | window ID N | ping [ack] TEXT | goaway CODE
//	priority ID DEP | update ID VALUE
//	frame TYPE FLAGS ID HEX         any frame at all
//	repeat N LINE
//
// Field blocks are literals without indexing, so that they may be anything.
func script(t testing.TB, source string) (b []byte) {
	t.Helper()
	for line := range strings.SplitSeq(source, "\n") {
		if line != "" {
			b = append(b, scriptLine(t, line)...)
		}
	}
	return b
}

func scriptLine(t testing.TB, line string) []byte {
	t.Helper()
	head, rest, hasRest := strings.Cut(line, " : ")
	words := strings.Fields(head)
	number := func(i int) uint32 {
		if i >= len(words) {
			t.Fatalf("too few words: %q", line)
		}
		n, err := strconv.ParseUint(words[i], 0, 32)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		return uint32(n)
	}
	switch words[0] {
	case "preface":
		return []byte(Preface)
	case "settings":
		return AppendSettingsFrame(nil, scriptSettings(t, words[1:])...)
	case "ack":
		return AppendSettingsAck(nil)
	case "greet":
		return AppendSettingsAck(AppendSettingsFrame([]byte(Preface)))
	case "bytes":
		s, err := strconv.Unquote(strings.TrimPrefix(line, "bytes "))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		return []byte(s)
	case "get":
		rest = strings.TrimSuffix(":method=GET | :scheme=http | :path=/ | :authority=a | "+rest, " | ")
		return scriptFrame(FrameHeaders, FlagEndHeaders|FlagEndStream, number(1), literals(rest), words[2:])
	case "post":
		rest = strings.TrimSuffix(":method=POST | :scheme=http | :path=/ | :authority=a | "+rest, " | ")
		return scriptFrame(FrameHeaders, FlagEndHeaders, number(1), literals(rest), words[2:])
	case "headers":
		return scriptFrame(FrameHeaders, FlagEndHeaders, number(1), literals(rest), words[2:])
	case "cont":
		return scriptFrame(FrameContinuation, FlagEndHeaders, number(1), literals(rest), words[2:])
	case "data":
		if !hasRest {
			rest = ""
		}
		return scriptFrame(FrameData, 0, number(1), []byte(rest), words[2:])
	case "rst":
		return AppendRSTStreamFrame(nil, number(1), Code(number(2)))
	case "window":
		return AppendWindowUpdateFrame(nil, number(1), number(2))
	case "ping":
		return AppendPingFrame(nil, [8]byte([]byte(words[len(words)-1])), words[1] == "ack")
	case "goaway":
		return AppendGoAwayFrame(nil, 0, Code(number(1)), "bye")
	case "priority":
		return AppendPriorityFrame(nil, number(1), PriorityParam{Dependency: number(2), Weight: 15})
	case "update":
		return AppendPriorityUpdateFrame(nil, number(1), strings.Join(words[2:], " "))
	case "frame":
		p, err := hex.DecodeString(strings.Join(words[4:], ""))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		return append(AppendFrameHeader(nil, FrameHeader{len(p), FrameType(number(1)), Flags(number(2)), number(3)}), p...)
	case "repeat":
		var all []byte
		_, again, _ := strings.Cut(line, words[1]+" ")
		for range number(1) {
			all = append(all, scriptLine(t, again)...)
		}
		return all
	}
	t.Fatalf("what is %q?", line)
	return nil
}

func scriptSettings(t testing.TB, words []string) (all []Setting) {
	for _, w := range words {
		id, value, _ := strings.Cut(w, "=")
		i, err := strconv.ParseUint(id, 0, 16)
		if err != nil {
			t.Fatal(err)
		}
		v, err := strconv.ParseUint(value, 0, 32)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Setting{SettingID(i), uint32(v)})
	}
	return all
}

func scriptFrame(ft FrameType, flags Flags, id uint32, payload []byte, words []string) []byte {
	var pad int
	var front []byte
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		n, _ := strconv.ParseUint(value, 0, 32)
		switch key {
		case "end":
			flags |= FlagEndStream
		case "open":
			flags &^= FlagEndHeaders | FlagEndStream
		case "openend":
			flags = flags&^FlagEndHeaders | FlagEndStream
		case "pad":
			flags |= FlagPadded
			pad = int(n)
		case "dep":
			flags |= FlagPriority
			front = append(AppendPriorityFrame(nil, id, PriorityParam{Dependency: uint32(n)})[HeaderBytes:], front...)
		case "size":
			payload = append(payload, make([]byte, n)...)
		default:
			panic("what is " + w)
		}
	}
	if flags.Has(FlagPadded) {
		front = append([]byte{byte(pad)}, front...)
		payload = append(payload, make([]byte, pad)...)
	}
	payload = append(front, payload...)
	return append(AppendFrameHeader(nil, FrameHeader{len(payload), ft, flags, id}), payload...)
}

// literals encodes "name=value | name=value"; \xNN and the like are undone.
func literals(s string) (b []byte) {
	if s == "" {
		return nil
	}
	for part := range strings.SplitSeq(s, " | ") {
		i := strings.IndexByte(part[min(1, len(part)):], '=')
		name, value := part, ""
		if i >= 0 {
			name, value = part[:i+1], part[i+2:]
		}
		if name == "=" {
			name, value = "", part[1:]
		}
		b = append(b, 0)
		b = appendString(b, name)
		b = appendString(b, value)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	if u, err := strconv.Unquote(`"` + s + `"`); err == nil {
		s = u
	}
	if n, rest, ok := strings.Cut(s, "*"); ok && rest != "" { // "500*x"
		if count, err := strconv.Atoi(n); err == nil {
			s = strings.Repeat(rest, count)
		}
	}
	n := len(s)
	if n < 127 {
		return append(append(b, byte(n)), s...)
	}
	b = append(b, 127)
	for n -= 127; n >= 128; n >>= 7 {
		b = append(b, byte(n)|128)
	}
	return append(append(b, byte(n)), s...)
}
