package h2

// Judge says what AppendResponse would: whether DATA or trailers must follow
// the head, the declared length of the body (-1: none), and whether the head
// can be sent at all (a *ResponseError). It needs no connection: a response may
// be judged where it is made and appended elsewhere, later.
func (m *ResponseMeta) Judge() (body bool, length int64, err error) {
	if m.Status < 200 || m.Status > 999 {
		return false, 0, &ResponseError{Fault: FaultStatus, Status: m.Status}
	}
	w := headWriter{m: m, declared: -1}
	if err := w.judge(); err != nil {
		return false, 0, err
	}
	w.decide()
	return w.body, w.declared, nil
}
