package h1

import (
	"bytes"
	"reflect"
	"testing"
)

// Reset sets every field by name; a field that it forgets shows here.
func TestHeadResetIsComplete(t *testing.T) {
	lim := DefaultLimits()
	var h Head
	input := "POST http://a/p?q HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	if n, _, err := ParseHead([]byte(input), 0, &lim, &h); n != len(input) || err != nil {
		t.Fatal(n, err)
	}
	v := reflect.ValueOf(&h).Elem()
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; v.Field(i).IsZero() {
			t.Errorf("the test leaves %s zero", name)
		}
	}
	h.Reset()
	if h.Fields.Len() != 0 {
		t.Error("fields are left")
	}
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; name != "Fields" && !v.Field(i).IsZero() {
			t.Errorf("Reset leaves %s", name)
		}
	}
}

// A call that brings no LF looks at its new bytes only: spoil the old ones, and
// nothing is noticed until a line ends.
func TestParseHeadDoesNotScanAgain(t *testing.T) {
	lim := DefaultLimits()
	var h Head
	good := []byte("GET / HTTP/1.1\r\nHost: a\r\nX: yyyyyyyyyyyyyyyy")
	n, seen, err := ParseHead(good, 0, &lim, &h)
	if n != 0 || seen != len(good) || err != nil {
		t.Fatal(n, seen, err)
	}
	spoilt := append(bytes.Replace(good, []byte("Host"), []byte("\x00\x00\x00\x00"), 1), "zzz"...)
	if n, scanned, err := ParseHead(spoilt, seen, &lim, &h); n != 0 || scanned != len(spoilt) || err != nil {
		t.Errorf("old bytes were scanned again: %d, %d, %v", n, scanned, err)
	}
	spoilt = append(spoilt, "\r\n"...)
	if _, _, err := ParseHead(spoilt, len(spoilt)-2, &lim, &h); err == nil || err.Reason != BadFieldName {
		t.Errorf("the line's end changed nothing: %v", err)
	}
}

// A seen that cannot be is taken for 0.
func TestParseHeadSeenOutOfRange(t *testing.T) {
	lim := DefaultLimits()
	var h Head
	b := []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	for _, seen := range []int{-1, len(b) + 1} {
		if n, _, err := ParseHead(b, seen, &lim, &h); n != len(b) || err != nil {
			t.Errorf("seen %d: %d, %v", seen, n, err)
		}
	}
	if n, scanned, err := ParseHead(nil, 0, &lim, &h); n != 0 || scanned != 0 || err != nil {
		t.Error("nothing is something")
	}
}
