package h1

func ParseHead(b []byte, seen int, lim *Limits, h *Head) (n, scanned int, err *Error) {
	return 0, 0, nil
}
