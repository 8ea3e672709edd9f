package hpack

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A story is a file of testdata/hpack: blocks of one connection in order.
type story struct {
	name  string
	cases []storyCase
}

type storyCase struct {
	block  []byte
	max    int // of the table, acknowledged before the block; -1: as before
	fields []string
}

// readStories reads the stories of all three encoders.
func readStories(t testing.TB) (all []story) {
	paths, err := filepath.Glob("../../testdata/hpack/*/story_*.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) != 94 {
		t.Fatalf("%d stories, want 94", len(paths))
	}
	for _, path := range paths {
		all = append(all, readStory(t, path))
	}
	return all
}

func readStory(t testing.TB, path string) story {
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var raw struct {
		Cases []struct {
			Wire    string              `json:"wire"`
			Max     *int                `json:"header_table_size"`
			Headers []map[string]string `json:"headers"`
		} `json:"cases"`
	}
	if err := json.NewDecoder(unzipped).Decode(&raw); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	s := story{name: filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path)}
	for _, c := range raw.Cases {
		one := storyCase{block: unhex(t, c.Wire), max: -1}
		if c.Max != nil {
			one.max = *c.Max
		}
		for _, fields := range c.Headers {
			for name, value := range fields { // one each
				one.fields = append(one.fields, name+": "+value)
			}
		}
		s.cases = append(s.cases, one)
	}
	return s
}

// plain is decodeAll without the marks of sensitive fields, which the stories
// do not tell.
func plain(d *Decoder, block []byte) (lines []string) {
	var s Scratch
	d.Begin(block[:len(block):len(block)], &s)
	for f, ok := d.Next(); ok; f, ok = d.Next() {
		f.Sensitive = false
		lines = append(lines, line(f))
	}
	return lines
}

func TestStories(t *testing.T) {
	blocks := 0
	for _, s := range readStories(t) {
		d := newDecoder(4096)
		for i, c := range s.cases {
			if c.max >= 0 {
				d.SetMaxTable(uint32(c.max))
			}
			got := plain(d, c.block)
			if err := d.Err(); err != nil {
				t.Fatalf("%s, block %d: %v", s.name, i, err)
			}
			if !slices.Equal(got, c.fields) {
				t.Fatalf("%s, block %d: %q, want %q", s.name, i, got, c.fields)
			}
			blocks++
		}
	}
	if blocks < 9000 {
		t.Errorf("only %d blocks", blocks)
	}
	t.Logf("%d blocks", blocks)
}

// What the stories tell, our encoder tells our decoder, through tables whose
// size changes as theirs does; and it takes fewer octets than the fields.
func TestStoriesEncoded(t *testing.T) {
	encoded, raw := 0, 0
	for _, s := range readStories(t) {
		e, d := NewEncoder(MaxTable), newDecoder(4096)
		for i, c := range s.cases {
			if c.max >= 0 {
				e.SetPeerMax(uint32(c.max))
				d.SetMaxTable(uint32(c.max))
			}
			block := encodeLines(e, c.fields)
			got := plain(d, block)
			if err := d.Err(); err != nil {
				t.Fatalf("%s, block %d: %v", s.name, i, err)
			}
			if !slices.Equal(got, c.fields) {
				t.Fatalf("%s, block %d: %q, want %q", s.name, i, got, c.fields)
			}
			if !slices.Equal(contents(&e.table), contents(&d.table)) {
				t.Fatalf("%s, block %d: the tables differ", s.name, i)
			}
			encoded += len(block)
			for _, f := range c.fields {
				raw += len(f) - 2
			}
		}
	}
	t.Logf("%d octets of fields became %d (%.0f %%)", raw, encoded, 100*float64(encoded)/float64(raw))
	if encoded > raw/2 {
		t.Errorf("%d octets of fields became %d", raw, encoded)
	}
}

// A block that ends early is an error, or a shorter block that ends with a
// whole representation; it is never a panic, and never other fields.
func TestTruncatedBlocks(t *testing.T) {
	for _, s := range readStories(t) {
		d := newDecoder(4096)
		for i, c := range s.cases[:min(len(s.cases), 8)] {
			if c.max >= 0 {
				d.SetMaxTable(uint32(c.max))
			}
			for cut := range len(c.block) {
				short := clone(d)
				got := plain(short, c.block[:cut])
				if len(got) > len(c.fields) || !slices.Equal(got, c.fields[:len(got)]) {
					t.Fatalf("%s, block %d cut at %d: %q", s.name, i, cut, got)
				}
				// A Huffman string is not judged before it is here.
				if err := short.Err(); err != nil && err.Kind != Truncated && !(cut == 0 && err.Kind == UpdateMissing) {
					t.Fatalf("%s, block %d cut at %d: %v", s.name, i, cut, err)
				}
				if short.Err() == nil && len(got) == len(c.fields) {
					t.Fatalf("%s, block %d cut at %d: nothing is missing", s.name, i, cut)
				}
			}
			plain(d, c.block)
		}
	}
}

// clone is a copy of d that shares no memory with it.
func clone(d *Decoder) *Decoder {
	c := *d
	c.table.arena = slices.Clone(d.table.arena)
	c.table.entries = slices.Clone(d.table.entries)
	return &c
}
