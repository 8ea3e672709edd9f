package conn

// routeKey is what runs of a handler are learned by: the method and the first
// two segments of the path. A client that invents paths below them does not
// invent keys. It is FNV-1a, and never 0.
func routeKey(method string, path []byte) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := 0; i < len(method); i++ {
		h = (h ^ uint64(method[i])) * prime
	}
	slashes := 0
	for _, b := range path {
		if b == '/' {
			if slashes++; slashes > 2 {
				break
			}
		}
		h = (h ^ uint64(b)) * prime
	}
	return max(h, 1)
}
