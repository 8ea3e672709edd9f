package nethttp

import (
	"strings"

	"github.com/uringserve/uringserve/app"
)

// known are field names in canonical form, by how clients send them: canonical
// over HTTP/1.1, in lower case over HTTP/2. Looking one up allocates nothing.
var known = makeKnown(
	"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Accept-Ranges",
	"Access-Control-Request-Headers", "Access-Control-Request-Method", "Authorization",
	"Cache-Control", "Connection", "Content-Disposition", "Content-Encoding",
	"Content-Language", "Content-Length", "Content-Location", "Content-Range",
	"Content-Type", "Cookie", "Date", "Dnt", "Etag", "Expect", "Expires", "Forwarded",
	"From", "Grpc-Accept-Encoding", "Grpc-Encoding", "Grpc-Timeout", "Host",
	"If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since",
	"Keep-Alive", "Last-Event-Id", "Last-Modified", "Link", "Location", "Origin", "Pragma",
	"Priority", "Proxy-Authorization", "Proxy-Connection", "Range", "Referer",
	"Sec-Ch-Ua", "Sec-Ch-Ua-Mobile", "Sec-Ch-Ua-Platform", "Sec-Fetch-Dest",
	"Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-User", "Sec-Websocket-Extensions",
	"Sec-Websocket-Key", "Sec-Websocket-Protocol", "Sec-Websocket-Version", "Te",
	"Traceparent", "Tracestate", "Trailer", "Transfer-Encoding", "Upgrade",
	"Upgrade-Insecure-Requests", "User-Agent", "Via", "X-Amzn-Trace-Id",
	"X-Correlation-Id", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port",
	"X-Forwarded-Proto", "X-Real-Ip", "X-Request-Id", "X-Requested-With",
)

func makeKnown(names ...string) map[string]string {
	m := make(map[string]string, 2*len(names))
	for _, n := range names {
		m[n] = n
		m[strings.ToLower(n)] = n
	}
	return m
}

// canonical appends name in the form of http.CanonicalHeaderKey. A name that was
// received is a token.
func canonical(dst, name []byte) []byte {
	upper := true
	for _, c := range name {
		switch {
		case upper && 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		case !upper && 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		dst = append(dst, c)
		upper = c == '-'
	}
	return dst
}

// maxStackNames is how many names of a head are looked up only once.
const maxStackNames = 24

// A lookup is what the names of a head are in canonical form; empty: not known,
// or beyond.
type lookup [maxStackNames]string

// fill looks the names up, and gives how many bytes the head's text takes at
// most.
func (l *lookup) fill(f *app.Fields) (size int) {
	for i := range f.Len() {
		line := f.Line(i)
		size += len(line.Value)
		if i < len(l) {
			if l[i] = known[string(line.Name)]; l[i] != "" {
				continue
			}
		}
		size += len(line.Name)
	}
	return size
}
