package hpack

// staticLen is the number of entries of the static table; dynamic indices
// begin above it (RFC 7541 §2.3.3).
const staticLen = 61

// StaticLen is the number of entries of the static table.
const StaticLen = staticLen

// Static is an entry of the static table, i from 1 to StaticLen. Read-only.
func Static(i int) Field {
	return Field{Name: static[i].name, Value: static[i].value, Tag: StaticTag | uint8(i)}
}

// A staticField is an entry of the static table.
type staticField struct{ name, value []byte }

// static is the static table (RFC 7541 Appendix A), by index; 0 is none.
// Nothing writes to it.
var static = makeStatic()

var staticText = [staticLen][2]string{
	{":authority", ""}, {":method", "GET"}, {":method", "POST"}, {":path", "/"},
	{":path", "/index.html"}, {":scheme", "http"}, {":scheme", "https"},
	{":status", "200"}, {":status", "204"}, {":status", "206"}, {":status", "304"},
	{":status", "400"}, {":status", "404"}, {":status", "500"},
	{"accept-charset", ""}, {"accept-encoding", "gzip, deflate"},
	{"accept-language", ""}, {"accept-ranges", ""}, {"accept", ""},
	{"access-control-allow-origin", ""}, {"age", ""}, {"allow", ""},
	{"authorization", ""}, {"cache-control", ""}, {"content-disposition", ""},
	{"content-encoding", ""}, {"content-language", ""}, {"content-length", ""},
	{"content-location", ""}, {"content-range", ""}, {"content-type", ""},
	{"cookie", ""}, {"date", ""}, {"etag", ""}, {"expect", ""}, {"expires", ""},
	{"from", ""}, {"host", ""}, {"if-match", ""}, {"if-modified-since", ""},
	{"if-none-match", ""}, {"if-range", ""}, {"if-unmodified-since", ""},
	{"last-modified", ""}, {"link", ""}, {"location", ""}, {"max-forwards", ""},
	{"proxy-authenticate", ""}, {"proxy-authorization", ""}, {"range", ""},
	{"referer", ""}, {"refresh", ""}, {"retry-after", ""}, {"server", ""},
	{"set-cookie", ""}, {"strict-transport-security", ""}, {"transfer-encoding", ""},
	{"user-agent", ""}, {"vary", ""}, {"via", ""}, {"www-authenticate", ""},
}

func makeStatic() (t [staticLen + 1]staticField) {
	for i, f := range staticText {
		// Slices of exact capacity: who appends to a view must not write here.
		name, value := []byte(f[0]), []byte(f[1])
		t[i+1] = staticField{name[:len(name):len(name)], value[:len(value):len(value)]}
	}
	return t
}

// staticSlots finds the first index of a name: open addressing by hash, linear
// probing, 0 for an empty slot. At most a fifth is used, so probes are short.
var staticSlots = makeStaticSlots()

const staticMask = 255

func makeStaticSlots() (t [staticMask + 1]uint8) {
	for i := uint8(1); i <= staticLen; i++ {
		if i > 1 && string(static[i].name) == string(static[i-1].name) {
			continue // entries of one name are neighbours
		}
		slot := hashOf(static[i].name, 0) & staticMask
		for t[slot] != 0 {
			slot = (slot + 1) & staticMask
		}
		t[slot] = i
	}
	return t
}

// staticHashes are hashOf(name, 0) by index.
var staticHashes = func() (t [staticLen + 1]uint32) {
	for i := range t {
		t[i] = hashOf(static[i].name, 0)
	}
	return t
}()

// staticName is the first index that has this name, 0 if none has. hash is
// hashOf(name, 0).
func staticName(name []byte, hash uint32) uint32 {
	for slot := hash & staticMask; ; slot = (slot + 1) & staticMask {
		i := staticSlots[slot]
		if i == 0 || string(static[i].name) == string(name) {
			return uint32(i)
		}
	}
}

// staticValue is the index that has this value and the name of index first,
// which staticName returned and is not 0; 0 if none has.
func staticValue(first uint32, value []byte) uint32 {
	name := static[first].name
	for i := first; i <= staticLen && string(static[i].name) == string(name); i++ {
		if string(static[i].value) == string(value) {
			return i
		}
	}
	return 0
}
