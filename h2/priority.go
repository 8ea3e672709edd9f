package h2

import "github.com/uringserve/uringserve/app/field"

// The urgencies of RFC 9218 §4.1: 0 goes first.
const (
	defaultUrgency = 3
	maxUrgency     = 7
)

// priority is what a client says about the order of responses (RFC 9218 §4).
type priority struct {
	urgency     uint8
	incremental bool
}

// parsePriority parses a Priority field value: a dictionary of which u and i
// count (RFC 9218 §4). What is malformed, out of range or not known is passed
// over (§4, §4.1), as if it were not there; the last of two wins.
func parsePriority(value []byte) priority {
	p := priority{urgency: defaultUrgency}
	for member, rest := field.NextMember(value); member != nil; member, rest = field.NextMember(rest) {
		key, item := cutParam(member)
		switch {
		case len(key) != 1:
		case key[0] == 'u' && len(item) == 1 && item[0] >= '0' && item[0] <= '0'+maxUrgency:
			p.urgency = item[0] - '0'
		case key[0] == 'i' && item == nil:
			p.incremental = true // RFC 9651 §3.2: a key alone is true
		case key[0] == 'i' && len(item) == 2 && item[0] == '?' && (item[1] == '0' || item[1] == '1'):
			p.incremental = item[1] == '1'
		}
	}
	return p
}

// cutParam splits "key=item;parameters" into key and item; a nil item: there
// is none.
func cutParam(member []byte) (key, item []byte) {
	for i, c := range member {
		if c == ';' {
			member = member[:i]
			break
		}
	}
	for i, c := range member {
		if c == '=' {
			return member[:i], member[i+1:]
		}
	}
	return member, nil
}

// earlyKept is how many PRIORITY_UPDATEs for streams yet to be opened are
// kept: the last ones (RFC 9218 §7.1 says at most the number of streams).
const earlyKept = 16

// earlyPriorities are priorities of streams that are idle.
type earlyPriorities struct {
	list []earlyPriority // made for the first
	next int
}

type earlyPriority struct {
	id uint32
	p  priority
}

func (e *earlyPriorities) put(id uint32, p priority) {
	for i := range e.list {
		if e.list[i].id == id {
			e.list[i].p = p
			return
		}
	}
	if len(e.list) < earlyKept {
		e.list = append(e.list, earlyPriority{id, p})
		return
	}
	e.list[e.next] = earlyPriority{id, p}
	e.next = (e.next + 1) % earlyKept
}

// take is the priority kept for a stream that opens now.
func (e *earlyPriorities) take(id uint32) (priority, bool) {
	for i := range e.list {
		if e.list[i].id == id {
			e.list[i].id = 0
			return e.list[i].p, true
		}
	}
	return priority{}, false
}
