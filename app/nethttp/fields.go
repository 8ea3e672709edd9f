package nethttp

import (
	"net/http"
	"slices"
	"strings"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/app/field"
)

// isCoding, isFraming and isRepresentation are the fields that are not the
// handler's to say: the coding of the transfer never, the length where there is
// no body or it is chunked, and of a 304 what net/http leaves out.
func isCoding(name string) bool { return name == "Transfer-Encoding" }

func isFraming(name string) bool { return name == "Transfer-Encoding" || name == "Content-Length" }

func isRepresentation(name string) bool { return isFraming(name) || name == "Content-Type" }

// appendFields copies h to f, in the order of names, as net/http does over
// HTTP/1.1, but for what drop says. Names that are none are left out; a value's
// line ends become spaces, and one that still is none is left out (RFC 9110
// §5.5).
func appendFields(f *app.Fields, h http.Header, drop func(name string) bool) {
	if len(h) == 1 {
		for name, values := range h {
			appendField(f, name, values, drop)
		}
		return
	}
	var room [16]string
	for _, name := range sortedKeys(room[:0], h) {
		appendField(f, name, h[name], drop)
	}
}

func appendField(f *app.Fields, name string, values []string, drop func(name string) bool) {
	if drop(name) || !field.ValidName(name) { // a trailer's name has a colon
		return
	}
	if name == "Content-Length" {
		values = values[:min(len(values), 1)] // RFC 9110 §8.6: there is one
	}
	for _, value := range values {
		if value, ok := clean(value); ok {
			f.Add(name, value)
		}
	}
}

// clean is value as it can be sent.
func clean(value string) (string, bool) {
	if field.ValidValue(value) {
		return value, true
	}
	value = strings.Trim(lineEnds.Replace(value), " \t")
	return value, field.ValidValue(value)
}

var lineEnds = strings.NewReplacer("\r", " ", "\n", " ")

// sortedKeys appends the names of h to keys, which is empty.
func sortedKeys(keys []string, h http.Header) []string {
	for name := range h {
		keys = append(keys, name)
	}
	slices.Sort(keys)
	return keys
}

// addTrailer adds a trailer, if there may be one of that name (RFC 9110 §6.5.1).
func addTrailer(f *app.Fields, name string, values []string) {
	if !field.ValidName(name) || !field.AllowedTrailer(name) {
		return
	}
	for _, value := range values {
		if value, ok := clean(value); ok {
			f.Add(name, value)
		}
	}
}
