package conn_test

import (
	"runtime"
	"testing"

	cryptotls "crypto/tls"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/conn"
)

// A keep-alive GET over TLS allocates once, which is crypto/tls's reader of a
// record; so does the client.
func TestTLSAllocations(t *testing.T) {
	if instrumented {
		t.Skip("the race detector and the asserts allocate")
	}
	onEachSecure(t, conn.Config{Handler: app.HandlerFunc(func(_ *app.Request, w *app.Response) {
		w.Set("Content-Type", "text/plain")
		w.WriteString("Hello, World!")
	})}, func(r *rig) {
		for _, v := range versions {
			c := r.secure(v)
			in, out := []byte(get), make([]byte, 4096)
			request := func() {
				if _, err := c.Write(in); err != nil {
					r.Fatal(err)
				}
				if _, err := c.Read(out); err != nil {
					r.Fatal(err)
				}
			}
			for range 200 {
				request()
			}
			const requests = 3000
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range requests {
				request()
			}
			runtime.ReadMemStats(&after)
			n := float64(after.Mallocs-before.Mallocs) / requests
			r.Logf("%s: %.3f allocations per request, the client's included", cryptotls.VersionName(v), n)
			if n > 2.05 { // the runtime's own threads and timers are counted, too
				r.Errorf("%s: %.2f allocations per request", cryptotls.VersionName(v), n)
			}
		}
	})
}
