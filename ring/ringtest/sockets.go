package ringtest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/uringserve/uringserve/ring"
)

// patience is how long a test with real sockets waits for anything.
const patience = 20 * time.Second

// Sockets is the World of real sockets. Its Check looks at goroutines and,
// where the system tells them, descriptors.
func Sockets(t *testing.T, newEngine func() (ring.Engine, error)) World {
	w := &socketWorld{t: t, newEngine: newEngine}
	// Whatever the first engine of a process makes for good is made.
	e := w.NewEngine()
	e.Close(0)
	w.goroutines, w.files = runtime.NumGoroutine(), openFiles()
	return w
}

type socketWorld struct {
	t          *testing.T
	newEngine  func() (ring.Engine, error)
	goroutines int
	files      int
}

func (w *socketWorld) NewEngine() ring.Engine {
	e, err := w.newEngine()
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

func (w *socketWorld) Run(f func())          { f() }
func (w *socketWorld) Go(f func())           { go f() }
func (w *socketWorld) Sleep(d time.Duration) { <-time.After(d) }

func (w *socketWorld) Until(cond func() bool) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !cond(); <-tick.C {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

func (w *socketWorld) Dial(addr net.Addr) (Client, error) {
	nc, err := net.DialTimeout(addr.Network(), addr.String(), patience)
	if err != nil {
		return nil, err
	}
	return &socketClient{nc}, nil
}

func (w *socketWorld) Listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

func (w *socketWorld) UnixPath() string {
	if runtime.GOOS == "windows" {
		return ""
	}
	return filepath.Join(w.t.TempDir(), "socket")
}

func (w *socketWorld) Check() error {
	settled := func() bool {
		return runtime.NumGoroutine() <= w.goroutines && openFiles() <= w.files
	}
	if w.Until(settled) {
		return nil
	}
	stacks := make([]byte, 64<<10)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return fmt.Errorf("%d goroutines, were %d; %d descriptors, were %d\n%s",
		runtime.NumGoroutine(), w.goroutines, openFiles(), w.files, stacks)
}

// openFiles counts this process's descriptors; 0 where the system does not
// tell.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

type socketClient struct{ nc net.Conn }

func (c *socketClient) Write(b []byte) error {
	if err := c.nc.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := c.nc.Write(b)
	return err
}

func (c *socketClient) Read(b []byte) (int, error) {
	if err := c.nc.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	return c.nc.Read(b)
}

func (c *socketClient) CloseWrite() {
	// A failure shows by reading.
	_ = c.nc.(interface{ CloseWrite() error }).CloseWrite()
}

func (c *socketClient) Reset() {
	if tcp, ok := c.nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}

func (c *socketClient) Close() { _ = c.nc.Close() }
