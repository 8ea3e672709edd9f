package conn

import (
	"reflect"
	"testing"
)

// What an idle connection costs here: the conn, its place in the loop's list,
// and what the allocator adds. The engine's half comes on top.
func TestIdleConnIsSmall(t *testing.T) {
	const budget = 208 // bytes, a size class
	if size := reflect.TypeFor[conn]().Size(); size > budget {
		t.Errorf("a conn takes %d bytes, budget %d", size, budget)
	} else {
		t.Logf("conn: %d bytes; stream: %d bytes", size, reflect.TypeFor[stream]().Size())
	}
	f, c := serve(t, hello)
	c.write(get)
	c.write("GET / HTTP/1.1\r\nHos")
	c.write("t: x\r\n\r\n")
	k := c.h.(*conn)
	if k.state != stateIdle || k.s != nil || k.in != nil || k.out != nil || f.leases != 0 {
		t.Errorf("an idle connection holds %+v", k)
	}
}
