package nethttp_test

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"
)

// A difference is one between net/http's server and ours that is intended. Each
// cites an RFC section or a default of Kestrel, and is shown by a case.
type difference struct {
	NetHTTP, Ours, Why string
}

var differences = map[string]difference{
	"length": {
		"says the length of a response that the handler has not flushed up to 2 KiB (HTTP/1.1) or 4 KiB (HTTP/2)",
		"says it up to 16 KiB",
		"RFC 9110 §8.6: an origin server SHOULD send Content-Length when the size is known before the head is sent",
	},
	"panic": {
		"breaks the connection or stream off when a handler panics before it has written",
		"answers 500, and closes an HTTP/1.1 connection; http.ErrAbortHandler breaks off as in net/http",
		"Kestrel: an exception before the response has begun is a 500",
	},
	"version": {
		"answers HTTP/1.0 requests as HTTP/1.0",
		"answers them as HTTP/1.1, in what HTTP/1.0 understands",
		"RFC 9110 §6.2: a server SHOULD send its own highest version of the same major version",
	},
	"date": {
		"sends no Date if the handler sets Header()[\"Date\"] = nil",
		"sends one",
		"RFC 9110 §6.6.1: an origin server with a clock MUST generate Date",
	},
	"full-duplex": {
		"reads or drops the rest of an HTTP/1.1 request's body before it sends the head of the response, unless EnableFullDuplex was called",
		"lets the handler read the body while it writes, always",
		"Kestrel: request and response bodies are independent; RFC 9112 §9.3 asks to read or close, not when",
	},
	"unread": {
		"closes an HTTP/1.1 connection if MaxBytesReader has found its body too large",
		"reads up to Limits.DrainBytes of what is left, and keeps the connection if that was all",
		"RFC 9112 §9.3: a server MUST read the entire body or close the connection",
	},
	"interim-1.0": {
		"sends interim responses to HTTP/1.0 clients",
		"does not",
		"RFC 9110 §15.2: a server MUST NOT send a 1xx response to an HTTP/1.0 client",
	},
	"trailer-names": {
		"sends trailers of any name that has http.TrailerPrefix",
		"leaves out those that frame, route, authenticate or say how content is to be read",
		"RFC 9110 §6.5.1",
	},
	"transfer-encoding": {
		"obeys Transfer-Encoding: identity by ending the connection with the body, and passes other codings on",
		"frames the body itself, whatever coding the handler names",
		"RFC 9112 §6.1: Transfer-Encoding is what the sender has applied; §7: identity is gone",
	},
	"field-value": {
		"sends control characters other than line ends in the values of HTTP/1.1 fields, which clients then refuse",
		"leaves such fields out, as both do over HTTP/2",
		"RFC 9110 §5.5",
	},
	"connection-close-h2": {
		"ends an HTTP/2 connection when a handler sets Connection: close",
		"leaves the field out and goes on",
		"RFC 9113 §8.2.2: connection-specific fields have no meaning in HTTP/2",
	},
	"refusal": {
		"answers a request that it refuses without Date and Content-Length",
		"has both, and a line end",
		"RFC 9110 §6.6.1 and §8.6",
	},
	"too-much": {
		"lets a handler write more than its Content-Length over HTTP/2, up to what is buffered, and sends a response that is malformed",
		"refuses the write with http.ErrContentLength, as both do over HTTP/1.1",
		"RFC 9113 §8.1.1: a response whose DATA is not as long as its content-length is malformed",
	},
	"field-space": {
		"sends field values over HTTP/2 with white space at their ends",
		"takes it off",
		"RFC 9113 §8.2.1: a field value MUST NOT start or end with white space",
	},
	"states": {
		"has a connection Active, too, while a request comes that it refuses, and for a moment when HTTP/2 begins",
		"has it Active while handlers run",
		"ConnState tells what the service does; Stats counts what is refused",
	},
	"head-limits": {
		"bounds the request line and the fields together, by MaxHeaderBytes (1 MiB) and 4 KiB more, with 431",
		"bounds the line (8 KiB) with 414, the fields (32 KiB) and their number (100) with 431; MaxHeaderBytes stands for the first and the second, each by itself",
		"Kestrel's limits; RFC 9110 §15.5.15: 414 is for a target that is too long",
	},
	"hijack-written": {
		"drops up to 2 KiB that a handler has written and not flushed when it hijacks, though not the head",
		"sends all that was written, in order, before what the handler sends on the connection",
		"what Write has taken is sent; net/http's answer depends on how much its buffers held",
	},
	"hijack-chunks": {
		"hands out the rest of a chunked body as it came, also from within a chunk",
		"hands out what had come of it in chunks of its own, from the first octet on that was not read, followed by the octets as they come",
		"chunks are decoded as they come, once; a reader of RFC 9112 §7.1's coding reads the same content, and need not know how long the chunk was",
	},
	"hijack-netconn": {
		"answers the *net.TCPConn to NetConn of a hijacked *tls.Conn",
		"answers a net.Conn whose method NetConn() answers the *net.TCPConn",
		"a tls.Conn stays on the net.Conn that it was made with, which was the loop's; deadlines, Close and CloseWrite of both are the socket's",
	},
	"reset-content": {
		"lets a 205 have a body",
		"sends it with Content-Length: 0",
		"RFC 9110 §15.3.6: a server MUST NOT generate content in a 205 response",
	},
}

// The README has the table; it is made from this one.
func TestDifferencesAreDocumented(t *testing.T) {
	const begin, end = "<!-- differences: made by the test -->\n", "<!-- end -->"
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	i, j := strings.Index(text, begin), strings.Index(text, end)
	if i < 0 || j < i {
		t.Fatal("README.md has no place for the table")
	}
	want := text[:i+len(begin)] + differenceTable() + text[j:]
	if text == want {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatal("README.md is not up to date: run the test with UPDATE=1")
	}
	if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func differenceTable() string {
	var b strings.Builder
	b.WriteString("| | net/http | uringserve | why |\n|---|---|---|---|\n")
	ids := make([]string, 0, len(differences))
	for id := range differences {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		d := differences[id]
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", id, d.NetHTTP, d.Ours, d.Why)
	}
	return b.String()
}
