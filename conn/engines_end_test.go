package conn_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/conn"
)

// Drain with many connections queued: each that was open gets its answer, and
// none is reset. The lull is as long as a slow machine may need.
func TestE2EDrain(t *testing.T) {
	cfg := hello
	cfg.Limits = conn.DefaultLimits()
	cfg.Limits.DrainLull = patience
	onEach(t, cfg, func(r *rig) {
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
				if err := askLast(c); err != nil {
					r.Error(err)
				}
				c.Close()
			})
		}
		wg.Wait()
		<-done
		r.drained()
		if st := r.srv.Stats(); st.Aborted+st.Broken != 0 {
			r.Errorf("%d aborted, %d broken", st.Aborted, st.Broken)
		}
	})
}

// askLast sends a request to a server that drains, or is about to: if the answer
// says that it is the last, the end follows.
func askLast(c net.Conn) error {
	if _, err := io.WriteString(c, get); err != nil {
		return err
	}
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
		return fmt.Errorf("%s, %v", resp.Status, err)
	}
	if resp.Close {
		if _, err := br.ReadByte(); err != io.EOF {
			return fmt.Errorf("after the last answer: %v", err)
		}
	}
	return nil
}

// drained waits until no connection is left.
func (r *rig) drained() {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.srv.Wait(ctx); err != nil {
		r.Errorf("%v, %d active", err, r.srv.Active())
	}
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
		r.drained()
	})
}
