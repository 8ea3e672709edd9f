package h2

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/uringserve/uringserve/h2/hpack"
)

// FuzzTags: a field that was judged when its entry was made counts as one that
// is judged anew, in whatever block and place it comes.
func FuzzTags(f *testing.F) {
	f.Add([]byte(":method\x00GET\x00:path\x00/a\x00:scheme\x00http\x00:authority\x00a\x00x-a\x00b\x00te\x00gzip\x00\x01x-a\x00b\x00:path\x00/a\x00"), true)
	f.Add([]byte("cookie\x00a=bbbbbbbbbbbbbbbbbbbbbbbbb\x00host\x00a\x00\x01host\x00a\x00Upper\x00x\x00\x01x-a\x00b\x00\x01x-a\x00b\x00"), false)
	f.Add([]byte(":method\x00GET\x00:path\x00/a\x00:scheme\x00http\x00:authority\x00a@b\x00\x01:method\x00GET\x00:method\x00GET\x00\x01"+
		"x-a\x00b\x00:scheme\x00https\x00\x01:method\x00POST\x00:path\x00/\x00:scheme\x00https\x00:authority\x00[::1]:80\x00:authority\x00b\x00"), false)
	f.Add([]byte(":method\x00GET\x00:path\x00/\x00:scheme\x00https\x00host\x00a b\x00\x01:method\x00GET\x00:path\x00/\x00:scheme\x00http\x00"+
		":authority\x00\x00\x01:method\x00GET\x00:path\x00/\x00:scheme\x00http\x00:authority\x00a:80\x00host\x00a\x00"), false)
	f.Fuzz(func(t *testing.T, script []byte, trailers bool) {
		cfg := DefaultConfig()
		enc, dec := hpack.NewEncoder(4096), hpack.NewDecoder(4096, &cfg.fields)
		var mute hpack.Decoder // nothing can be said to it
		var s hpack.Scratch
		for range 3 { // what repeats is indexed
			for _, lines := range bytes.Split(script, []byte{1}) {
				var block []byte
				parts := bytes.Split(lines, []byte{0})
				for i := 0; i+1 < len(parts); i += 2 {
					block = enc.AppendField(block, parts[i], parts[i+1], false)
				}
				var known, anew headReader
				known.reset(trailers, cfg)
				anew.reset(trailers, cfg)
				dec.Begin(block, &s)
				for f, ok := dec.Next(); ok; f, ok = dec.Next() {
					known.field(dec, &f)
					f.Tag = 0
					anew.field(&mute, &f)
				}
				if dec.Err() != nil {
					t.Fatal(dec.Err())
				}
				if known.reason == 0 && known.hostFine != (known.pseudo&pseudoAuthority != 0 && validHost(known.head.Host)) {
					t.Fatalf("%q: a valid host: %v", lines, known.hostFine)
				}
				anew.hostFine = false
				a, b := known.conclude(true), anew.conclude(true)
				known.hostFine = false
				if a != b || !reflect.DeepEqual(known.seen, anew.seen) {
					t.Fatalf("%q: %v, %+v; judged anew: %v, %+v", lines, a, known.seen, b, anew.seen)
				}
				if !reflect.DeepEqual(known.head, anew.head) {
					t.Fatalf("%q: %+v; judged anew: %+v", lines, known.head, anew.head)
				}
			}
		}
	})
}
