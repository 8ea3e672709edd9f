package mem

import (
	"fmt"
	"strings"
	"time"
)

// trace keeps the last lines of what the kernel did, and a digest of all.
type trace struct {
	lines  []line // a ring
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
	l := &t.lines[t.count%uint64(len(t.lines))]
	t.count++
	l.now, l.format, l.n = k.now(), format, copy(l.args[:], args)
	// FNV-1a over the numbers: equal runs have equal ones.
	t.digest = (t.digest ^ uint64(l.now)) * fnvPrime
	for _, a := range args {
		if n, ok := a.(int32); ok {
			t.digest = (t.digest ^ uint64(uint32(n))) * fnvPrime
		}
	}
}

const fnvPrime = 1099511628211

func (t *trace) String() string {
	var b strings.Builder
	for i := t.count - min(t.count, uint64(len(t.lines))); i < t.count; i++ {
		fmt.Fprintf(&b, "\t%v\n", &t.lines[i%uint64(len(t.lines))])
	}
	return b.String()
}
