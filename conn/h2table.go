package conn

// An h2table finds the streams of an HTTP/2 connection by their ids. Clients
// count ids up by two, so streams that are alive at the same time mostly have
// places of their own. There are no more of them than h2.Limits.Streams.
type h2table struct {
	places [h2places]*h2stream // heads of lists
	count  int
}

const h2places = 64

func h2place(id uint32) int { return int(id>>1) % h2places }

// find is the stream of that id, or nil.
func (t *h2table) find(id uint32) *h2stream {
	for s := t.places[h2place(id)]; s != nil; s = s.next {
		if s.id == id {
			return s
		}
	}
	return nil
}

func (t *h2table) add(s *h2stream) {
	head := &t.places[h2place(s.id)]
	s.next, *head = *head, s
	t.count++
}

func (t *h2table) remove(s *h2stream) {
	for at := &t.places[h2place(s.id)]; *at != nil; at = &(*at).next {
		if *at == s {
			*at, s.next = s.next, nil
			t.count--
			return
		}
	}
	panic("BUG: a stream is not in its connection's table")
}

// each calls f for every stream; f may remove it.
func (t *h2table) each(f func(*h2stream)) {
	for i := range t.places {
		for s := t.places[i]; s != nil; {
			next := s.next
			f(s)
			s = next
		}
	}
}
