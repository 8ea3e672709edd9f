package conn_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/conn"
)

// Drain with many connections queued: each that was open gets its answer, and
// none is reset.
func TestE2EDrain(t *testing.T) {
	onEach(t, hello, func(r *rig) {
		const n = 200
		var cs []*net.TCPConn
		for range n {
			cs = append(cs, r.dial())
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.eng.StopAccept()
			r.srv.Drain()
		}()
		var wg sync.WaitGroup
		for _, c := range cs {
			wg.Go(func() {
				if _, err := io.WriteString(c, get); err != nil {
					r.Errorf("write: %v", err)
					return
				}
				b, err := io.ReadAll(c)
				if err != nil || !bytes.HasPrefix(b, []byte("HTTP/1.1 200")) {
					r.Errorf("got %q, %v", b, err)
				}
				c.Close()
			})
		}
		wg.Wait()
		<-done
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.srv.Wait(ctx); err != nil {
			r.Errorf("%v, %d active", err, r.srv.Active())
		}
		if st := r.srv.Stats(); st.Aborted+st.Broken != 0 {
			r.Errorf("%d aborted, %d broken", st.Aborted, st.Broken)
		}
	})
}

// Blocked handlers do not hold back others, and all are cut off by AbortAll.
func TestE2EAbortAll(t *testing.T) {
	onEach(t, conn.Config{Handler: app.HandlerFunc(func(r *app.Request, w *app.Response) {
		if string(r.Path) == "/wait" {
			<-r.Context().Done()
		}
	})}, func(r *rig) {
		for range 20 {
			r.write(r.dial(), "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
		}
		eventually(r.T, "they wait", func() bool { return r.srv.Stats().Handling == 20 })
		resp, err := r.client().Get("http://" + r.addr + "/")
		if err != nil {
			r.Fatal(err)
		}
		resp.Body.Close()
		if n := r.srv.AbortAll(); n < 20 {
			r.Errorf("AbortAll: %d", n)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.srv.Wait(ctx); err != nil {
			r.Error(err)
		}
	})
}
