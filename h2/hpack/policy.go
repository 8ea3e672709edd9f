package hpack

// A policy says whether fields of a name enter the dynamic table.
type policy uint8

const (
	// policyRepeat: once a field was sent, and its repetition shows that it
	// repeats. For names that we do not know, and those whose values mostly
	// differ: an entry for each would push out what repeats.
	policyRepeat policy = iota
	// policyFirst: at once. For names whose values hardly change while a
	// connection lasts.
	policyFirst
	// policyDate: the value changes every second, and within a second it
	// repeats on a connection that is busy. At once if the entry before was
	// used after it was made; otherwise as policyRepeat, so that dates do not
	// push out the rest of a connection that sends one response now and then.
	policyDate
	// policyCookie: never if shorter than minCookie, else as policyRepeat.
	policyCookie
	// policyNever: as a never-indexed literal.
	policyNever
)

// minCookie is the shortest cookie that may be indexed, in octets. A shorter
// one can be guessed piece by piece (RFC 7541 §7.1.3 names short values).
const minCookie = 20

// policies are by static index; names outside the static table have policyRepeat.
var policies = makePolicies()

func makePolicies() (t [staticLen + 1]policy) {
	for i := range t {
		switch string(static[i].name) {
		case "authorization", "proxy-authorization", "set-cookie":
			// RFC 7541 §7.1.3: fields that are highly valuable or sensitive
			// to recovery.
			t[i] = policyNever
		case "cookie":
			t[i] = policyCookie
		case "date":
			t[i] = policyDate
		case ":authority", ":method", ":scheme", ":status",
			"accept", "accept-charset", "accept-encoding", "accept-language", "accept-ranges",
			"access-control-allow-origin", "allow", "cache-control", "content-encoding",
			"content-language", "content-type", "host", "server",
			"strict-transport-security", "user-agent", "vary", "via":
			t[i] = policyFirst
		}
	}
	return t
}

// A memory knows hashes of fields that were sent as literals of late. It is
// small and forgets: a repetition that it misses is a literal again.
type memory [32]uint32

// repeats reports whether hash is known, and knows it from now on.
func (m *memory) repeats(hash uint32) bool {
	hash |= 1 << 31 // 0 is an empty place
	place := &m[hash%uint32(len(m))]
	if *place == hash {
		return true
	}
	*place = hash
	return false
}
