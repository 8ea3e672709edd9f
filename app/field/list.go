package field

import "iter"

// NextMember cuts the first member off a comma-separated list: spaces around
// it are removed, empty members are passed over, commas within a quoted
// string do not separate. A nil member: there is none left (RFC 9110 §5.6.1).
func NextMember(list []byte) (member, rest []byte) {
	for len(list) > 0 {
		end := memberEnd(list)
		member = TrimSpace(list[:end])
		rest = list[min(end+1, len(list)):]
		if len(member) > 0 {
			return member, rest
		}
		list = rest
	}
	return nil, nil
}

// memberEnd is the index of the comma that ends the first member of list, its
// length if none does.
func memberEnd(list []byte) int {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == ',' && !quoted:
			return i
		}
	}
	return len(list)
}

// Members yields the members of a comma-separated list, as NextMember does.
func Members(list []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		member, rest := NextMember(list)
		for member != nil && yield(member) {
			member, rest = NextMember(rest)
		}
	}
}

// HasMember reports whether a comma-separated list has token as a member, in
// any case.
func HasMember(list []byte, token string) bool {
	member, rest := NextMember(list)
	for member != nil {
		if EqualFold(member, token) {
			return true
		}
		member, rest = NextMember(rest)
	}
	return false
}

// Values yields the value of every field of that name, in order.
func (f *Fields) Values(name string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range f.lines {
			if EqualFold(f.lines[i].Name, name) && !yield(f.lines[i].Value) {
				return
			}
		}
	}
}

// HasToken reports whether a field of that name, which is a comma-separated
// list, has token as a member; both match in any case.
func (f *Fields) HasToken(name, token string) bool {
	for i := range f.lines {
		if EqualFold(f.lines[i].Name, name) && HasMember(f.lines[i].Value, token) {
			return true
		}
	}
	return false
}
