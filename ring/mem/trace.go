package mem

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"
)

const traceLines = 200

// trace keeps the last lines of what the kernel did, and a digest of all.
type trace struct {
	lines  [traceLines]line
	count  uint64
	digest uint64
}

type line struct {
	now    int64
	format string
	args   [4]any
	n      int
}

func (l *line) String() string {
	return fmt.Sprintf("%12v  ", time.Duration(l.now)) + fmt.Sprintf(l.format, l.args[:l.n]...)
}

// note adds a line. The arguments are numbers and strings: formatted late, so
// they must not change.
func (k *kernel) note(format string, args ...any) {
	t := &k.trace
	l := &t.lines[t.count%traceLines]
	t.count++
	l.now, l.format, l.n = k.now(), format, copy(l.args[:], args)
	if k.o.digest {
		h := fnv.New64a()
		fmt.Fprintf(h, "%d %s", t.digest, l)
		t.digest = h.Sum64()
	}
}

func (t *trace) String() string {
	var b strings.Builder
	for i := t.count - min(t.count, traceLines); i < t.count; i++ {
		fmt.Fprintf(&b, "\t%v\n", &t.lines[i%traceLines])
	}
	return b.String()
}
