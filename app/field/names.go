package field

// Method is the method that b spells, case kept: the known ones without
// allocation, others as a copy. It does not say whether b is a token.
func Method(b []byte) string {
	switch string(b) {
	case "GET":
		return "GET"
	case "HEAD":
		return "HEAD"
	case "POST":
		return "POST"
	case "PUT":
		return "PUT"
	case "DELETE":
		return "DELETE"
	case "CONNECT":
		return "CONNECT"
	case "OPTIONS":
		return "OPTIONS"
	case "TRACE":
		return "TRACE"
	case "PATCH":
		return "PATCH"
	}
	return string(b)
}

// StatusText is the reason phrase of a status code as the IANA registry has
// it; empty for codes without one.
func StatusText(code int) string {
	if code < 100 || code > 599 {
		return ""
	}
	class := statusTexts[code/100-1]
	if i := code % 100; i < len(class) {
		return class[i]
	}
	return ""
}

var statusTexts = [5][]string{
	{0: "Continue", 1: "Switching Protocols", 2: "Processing", 3: "Early Hints"},
	{
		0: "OK", 1: "Created", 2: "Accepted", 3: "Non-Authoritative Information",
		4: "No Content", 5: "Reset Content", 6: "Partial Content", 7: "Multi-Status",
		8: "Already Reported", 26: "IM Used",
	},
	{
		0: "Multiple Choices", 1: "Moved Permanently", 2: "Found", 3: "See Other",
		4: "Not Modified", 5: "Use Proxy", 7: "Temporary Redirect", 8: "Permanent Redirect",
	},
	{
		0: "Bad Request", 1: "Unauthorized", 2: "Payment Required", 3: "Forbidden",
		4: "Not Found", 5: "Method Not Allowed", 6: "Not Acceptable",
		7: "Proxy Authentication Required", 8: "Request Timeout", 9: "Conflict", 10: "Gone",
		11: "Length Required", 12: "Precondition Failed", 13: "Content Too Large",
		14: "URI Too Long", 15: "Unsupported Media Type", 16: "Range Not Satisfiable",
		17: "Expectation Failed", 21: "Misdirected Request", 22: "Unprocessable Content",
		23: "Locked", 24: "Failed Dependency", 25: "Too Early", 26: "Upgrade Required",
		28: "Precondition Required", 29: "Too Many Requests",
		31: "Request Header Fields Too Large", 51: "Unavailable For Legal Reasons",
	},
	{ // the phrases of 500, 501 (RFC 9110 §15.6.2) and so on
		0: "Internal Server Error", 1: "Not Implemented", 2: "Bad Gateway",
		3: "Service Unavailable", 4: "Gateway Timeout", 5: "HTTP Version Not Supported",
		6: "Variant Also Negotiates", 7: "Insufficient Storage", 8: "Loop Detected",
		11: "Network Authentication Required",
	},
}

// AllowedTrailer reports whether a field of that name may come after the body.
// Those that frame or route the message, authenticate, or say how the content
// is to be understood may not: RFC 9110 §6.5.1.
func AllowedTrailer[T []byte | string](name T) bool {
	var buf [32]byte // longer than every name below
	if len(name) > len(buf) {
		return !hasIfPrefix(name)
	}
	for i := range len(name) {
		buf[i] = lower(name[i])
	}
	switch string(buf[:len(name)]) {
	case "content-length", "transfer-encoding", "host", "connection", "keep-alive",
		"proxy-connection", "upgrade", "trailer", "te",
		"cache-control", "expect", "max-forwards", "pragma", "range",
		"authorization", "proxy-authorization", "proxy-authenticate", "www-authenticate",
		"cookie", "set-cookie", "age", "expires", "date", "location", "retry-after", "vary",
		"content-encoding", "content-type", "content-range":
		return false
	}
	return !hasIfPrefix(name)
}

// hasIfPrefix recognises the conditional fields: If-Match and its kin.
func hasIfPrefix[T []byte | string](name T) bool {
	return len(name) > 3 && lower(name[0]) == 'i' && lower(name[1]) == 'f' && name[2] == '-'
}
