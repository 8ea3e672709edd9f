package tls

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	cryptotls "crypto/tls"
)

// A stream is one direction of a connection, without a bound: writes never
// block.
type stream struct {
	mu    sync.Mutex
	cond  sync.Cond
	buf   []byte
	ended bool
	wrote func() // told of writes and the end; no lock held
}

func newStream() *stream {
	s := &stream{}
	s.cond.L = &s.mu
	return s
}

func (s *stream) write(b []byte) {
	s.mu.Lock()
	s.buf = append(s.buf, b...)
	s.mu.Unlock()
	s.tell()
}

func (s *stream) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.tell()
}

func (s *stream) tell() {
	s.cond.Broadcast()
	if s.wrote != nil {
		s.wrote()
	}
}

// take takes what there is, without waiting.
func (s *stream) take() (b []byte, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, s.buf = s.buf, nil
	return b, s.ended
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.buf) == 0 && !s.ended {
		s.cond.Wait()
	}
	if len(s.buf) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.buf)
	s.buf = s.buf[n:]
	return n, nil
}

// clientEnd is the client's net.Conn.
type clientEnd struct{ up, down *stream }

func (e *clientEnd) Read(p []byte) (int, error)       { return e.down.read(p) }
func (e *clientEnd) Write(p []byte) (int, error)      { e.up.write(p); return len(p), nil }
func (e *clientEnd) Close() error                     { e.up.end(); e.down.end(); return nil }
func (e *clientEnd) LocalAddr() net.Addr              { return noAddr{} }
func (e *clientEnd) RemoteAddr() net.Addr             { return noAddr{} }
func (e *clientEnd) SetDeadline(time.Time) error      { return nil }
func (e *clientEnd) SetReadDeadline(time.Time) error  { return nil }
func (e *clientEnd) SetWriteDeadline(time.Time) error { return nil }

// A rig is a Conn, its loop and the way to its client. The loop answers data
// with the same data.
type rig struct {
	tb   testing.TB
	c    *Conn
	up   *stream // from the client
	down *stream // to the client

	wake chan struct{}
	stop chan struct{}
	done chan struct{}

	// cut divides what came from the client; offset is of its first byte.
	cut    func(offset int, b []byte) [][]byte
	offset int

	data []byte // all plaintext so far
	err  error  // what Read answered last, unless it was ErrWouldBlock
	once sync.Once
}

func newHandshaker(tb testing.TB, o HandshakerOptions) *Handshaker {
	tb.Helper()
	p, err := NewHandshaker(o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// serverConfig is the shared certificate's, with changes.
func serverConfig(tb testing.TB, change func(*Options)) *cryptotls.Config {
	tb.Helper()
	sharedPKI(tb)
	o := &Options{GetCertificate: func(*cryptotls.ClientHelloInfo) (*cryptotls.Certificate, error) {
		return &shared.server, nil
	}}
	if change != nil {
		change(o)
	}
	cfg, err := o.Config()
	if err != nil {
		tb.Fatal(err)
	}
	return cfg
}

func clientConfig(tb testing.TB, change func(*cryptotls.Config)) *cryptotls.Config {
	cfg := &cryptotls.Config{RootCAs: sharedPKI(tb).pool, ServerName: "localhost", NextProtos: []string{"h2", "http/1.1"}}
	if change != nil {
		change(cfg)
	}
	return cfg
}

// newRig accepts a connection; nothing runs yet.
func newRig(tb testing.TB, p *Handshaker, cfg *cryptotls.Config) *rig {
	r := &rig{
		tb: tb, up: newStream(), down: newStream(),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	notify := func() {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
	r.up.wrote = notify
	r.c = p.Accept(cfg, Peer{}, notify)
	return r
}

// end is the client's side.
func (r *rig) end() *clientEnd { return &clientEnd{r.up, r.down} }

// start runs the loop on a goroutine, until halt.
func (r *rig) start() *rig {
	go func() {
		defer close(r.done)
		for {
			select {
			case <-r.stop:
				return
			case <-r.wake:
				r.turn()
			}
		}
	}()
	return r
}

// halt ends the goroutine: the loop is the test's.
func (r *rig) halt() {
	r.once.Do(func() {
		close(r.stop)
		<-r.done
	})
}

// close ends loop and connection.
func (r *rig) close() {
	r.halt()
	r.c.Release()
	r.down.end()
	r.up.end()
}

// turn is one turn of the loop.
func (r *rig) turn() {
	b, ended := r.up.take()
	pieces := [][]byte{b}
	if r.cut != nil {
		pieces = r.cut(r.offset, b)
	}
	r.offset += len(b)
	for _, piece := range pieces {
		r.feed(piece)
	}
	r.pump() // the handshake may have something, too
	if ended {
		r.c.FeedEOF()
		r.pump()
	}
}

// feed hands over b, in memory that is made unusable afterwards.
func (r *rig) feed(b []byte) {
	lent := append(make([]byte, 0, len(b)), b...)
	if err := r.c.Feed(lent); err != nil {
		r.tb.Errorf("Feed: %v", err)
	}
	r.pump()
	r.c.Detach()
	poison(lent)
}

// pump reads what can be read, echoes it, and sends.
func (r *rig) pump() {
	var out []byte
	if r.c.Poll() == Established {
		plain := make([]byte, 512)
		for {
			n, err := r.c.Read(plain)
			if n > 0 {
				r.data = append(r.data, plain[:n]...)
				var werr error
				if out, werr = r.c.AppendData(out, plain[:n]); werr != nil {
					r.tb.Errorf("AppendData: %v", werr)
				}
				continue
			}
			if err == ErrOutputPending {
				out = r.c.AppendOutput(out)
				continue
			}
			if err != ErrWouldBlock {
				r.err = err
			}
			break
		}
	}
	out = r.c.AppendOutput(out)
	if len(out) > 0 {
		r.down.write(out)
	}
	if r.c.Poll() == Failed || r.err != nil {
		r.down.end()
	}
}

// bytewise cuts into single bytes.
func bytewise(_ int, b []byte) (all [][]byte) {
	for i := range b {
		all = append(all, b[i:i+1])
	}
	return all
}

// cutAt cuts at one offset of the whole.
func cutAt(at int) func(int, []byte) [][]byte {
	return func(offset int, b []byte) [][]byte {
		if i := at - offset; i > 0 && i < len(b) {
			return [][]byte{b[:i], b[i:]}
		}
		return [][]byte{b}
	}
}

// dial has a client of crypto/tls shake hands with a new Conn.
func dial(tb testing.TB, p *Handshaker, server, client *cryptotls.Config) (*rig, *cryptotls.Conn, error) {
	tb.Helper()
	r := newRig(tb, p, server).start()
	c := cryptotls.Client(r.end(), client)
	return r, c, c.Handshake()
}

// mustDial is dial that succeeds, on both sides.
func mustDial(tb testing.TB, p *Handshaker, server, client *cryptotls.Config) (*rig, *cryptotls.Conn) {
	tb.Helper()
	r, c, err := dial(tb, p, server, client)
	if err != nil {
		tb.Fatalf("client: %v", err)
	}
	echo(tb, c, "hello, server")
	return r, c
}

// echo sends text and wants it back.
func echo(tb testing.TB, c *cryptotls.Conn, text string) {
	tb.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		tb.Fatalf("client's write: %v", err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		tb.Fatalf("client read %.40q, %v; want %.40q", got, err, text)
	}
}
