package h1

import (
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
