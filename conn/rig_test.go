package conn_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/uringserve/uringserve/conn"
	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/epoll"
	"github.com/uringserve/uringserve/ring/netengine"
	"github.com/uringserve/uringserve/ring/uring"
)

// engines are those with real sockets. A nil engine says why in err.
var engines = []struct {
	name string
	make func() (ring.Engine, error)
}{
	{"net", func() (ring.Engine, error) { return netengine.New(netengine.Options{Loops: 2}), nil }},
	{"epoll", func() (ring.Engine, error) { return epoll.New(epoll.Options{Loops: 2}) }},
	{"uring", func() (ring.Engine, error) { return uring.New(uring.Options{Loops: 2}) }},
}

// rig is a server on an engine.
type rig struct {
	*testing.T
	srv  *conn.Server
	eng  ring.Engine
	addr string

	outlived bool // by a handler, on purpose: the engine has been closed
}

// patience bounds every wait of a test: no test that passes waits for it, on
// no machine, however busy.
const patience = time.Minute

// onEach runs test on every engine that is available here.
func onEach(t *testing.T, cfg conn.Config, test func(*rig)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			eng, err := e.make()
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skipf("the engine is not available here: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			srv, err := conn.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			ln, err := eng.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if err := eng.Start(srv.NewLoop); err != nil {
				t.Fatal(err)
			}
			r := &rig{T: t, srv: srv, eng: eng, addr: ln.Addr.String()}
			t.Cleanup(r.stop)
			test(r)
		})
	}
}

// stop ends the server and looks for what it left.
func (r *rig) stop() {
	if r.outlived {
		return
	}
	r.eng.StopAccept()
	if left := r.eng.Close(patience); left != 0 {
		r.Errorf("%d handlers are left", left)
	}
	st := r.eng.Stats()
	if st.Conns != 0 || st.OpsInFlight != 0 || st.LeasesOut != 0 || r.srv.Active() != 0 {
		r.Errorf("left: %d connections, %d operations, %d leases; active %d",
			st.Conns, st.OpsInFlight, st.LeasesOut, r.srv.Active())
	}
	if s := r.srv.Stats(); s.Handling != 0 {
		r.Errorf("%d requests are in their handlers", s.Handling)
	}
}

// dial opens a connection that the test's end closes.
func (r *rig) dial() *net.TCPConn {
	r.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

func (r *rig) write(c net.Conn, s string) {
	r.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		r.Fatal(err)
	}
}

// response reads one.
func (r *rig) response(br *bufio.Reader, method string) (*http.Response, string) {
	r.Helper()
	resp, err := http.ReadResponse(br, &http.Request{Method: method})
	if err != nil {
		r.Fatalf("no response: %v", err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.Fatalf("a cut response: %v", err)
	}
	return resp, string(b)
}

func (r *rig) client() *http.Client {
	tr := &http.Transport{ExpectContinueTimeout: patience}
	r.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// eventually waits for what another goroutine or the kernel does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited too long until %s", what)
		}
	}
}
