package mem_test

import (
	"fmt"
	"net"
	"time"

	"github.com/uringserve/uringserve/ring"
	"github.com/uringserve/uringserve/ring/mem"
)

// echo sends back what it gets and closes connections that are silent for ten
// seconds.
type echo struct {
	loop ring.Loop
	conn ring.Conn
	due  ring.Instant
}

func (e *echo) Open(c ring.Conn) ring.ConnHandler {
	e.conn, e.due = c, e.loop.Now().Add(10*time.Second)
	return e
}

func (e *echo) Tick(now ring.Instant) ring.Instant {
	if e.due != 0 && now >= e.due {
		e.due = 0
		e.conn.Close()
	}
	return e.due
}

func (e *echo) Recv(b ring.Buf) {
	e.conn.Send(b.Bytes())
	b.Release()
	e.due = e.loop.Now().Add(10 * time.Second)
}

func (e *echo) RecvEnd()     { e.conn.Close() }
func (e *echo) Sent()        {}
func (e *echo) Broken(error) { e.conn.Close() }
func (e *echo) Closed()      {}

func (e *echo) Detached(net.Conn) {}

// A test drives the simulation from outside: it writes, runs until something
// has happened, reads, and lets time pass.
func Example() {
	e := mem.New(mem.Options{Seed: 1})
	ln, err := e.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
	}
	err = e.Start(func(l ring.Loop) ring.LoopHandler { return &echo{loop: l} })
	if err != nil {
		fmt.Println(err)
	}

	p := e.Dial(ln.Addr.String())
	p.Write([]byte("hello"))
	if err := e.Run(func() bool { return p.Buffered() >= 5 }); err != nil {
		fmt.Println(err)
	}
	b := make([]byte, 16)
	n, _ := p.Read(b)
	fmt.Printf("%s\n", b[:n])

	// Nothing happens for nine seconds; then the time-out.
	if err := e.Advance(9 * time.Second); err != nil {
		fmt.Println(err)
	}
	fmt.Println("ended:", p.Ended())
	if err := e.Advance(2 * time.Second); err != nil {
		fmt.Println(err)
	}
	_, err = p.Read(b)
	fmt.Println("ended:", p.Ended(), err)

	fmt.Println("left:", e.Close(0))
	if err := e.Check(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// hello
	// ended: false
	// ended: true EOF
	// left: 0
}
