package nethttp_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uringserve/uringserve"
	ourtls "github.com/uringserve/uringserve/tls"
)

// patience bounds every wait; nothing normal comes near it.
const patience = 5 * time.Second

// A mode is how a client talks to a server.
type mode uint8

const (
	h1 mode = iota
	h2
	h1s // over TLS
	h2s
	numModes
)

func (m mode) String() string { return [...]string{"h1", "h2c", "h1-tls", "h2-tls"}[m] }
func (m mode) http2() bool    { return m == h2 || m == h2s }
func (m mode) secure() bool   { return m >= h1s }

// A target is one of the servers that are compared: net/http's, or ours on some
// engine.
type target struct {
	name  string
	addrs [2]net.Addr // cleartext, TLS
	h     *switchboard
	close func() error
}

// certs are for all servers and clients of this test.
var certs struct {
	cert  tls.Certificate
	roots *x509.CertPool
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "nethttp")
	if err != nil {
		log.Fatal(err)
	}
	files, err := ourtls.DevCert(dir)
	if err != nil {
		log.Fatal(err)
	}
	if certs.cert, err = tls.LoadX509KeyPair(files.Cert, files.Key); err != nil {
		log.Fatal(err)
	}
	if certs.roots, err = ourtls.LoadCAs(files.CA); err != nil {
		log.Fatal(err)
	}
	_ = os.RemoveAll(dir)
	os.Exit(m.Run())
}

func serverTLS() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{certs.cert}} }

func allProtocols() *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return &p
}

// settings are what a case may want of its servers.
type settings struct {
	ReadTimeout, WriteTimeout    time.Duration
	DisableGeneralOptionsHandler bool
	KeepAlivesOff                bool
	MaxHeaderBytes               int
	States                       bool // ConnState is told to the switchboard
}

// connState is http.Server.ConnState as o wants it.
func (o settings) connState(h *switchboard) func(net.Conn, http.ConnState) {
	if !o.States {
		return nil
	}
	return func(_ net.Conn, state http.ConnState) { h.told <- state }
}

func newReference(t *testing.T, o settings) *target {
	t.Helper()
	h := newSwitchboard()
	s := &http.Server{Handler: h, TLSConfig: serverTLS(), Protocols: allProtocols(), ErrorLog: log.New(h, "", 0),
		ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, DisableGeneralOptionsHandler: o.DisableGeneralOptionsHandler,
		MaxHeaderBytes: o.MaxHeaderBytes, ConnState: o.connState(h)}
	s.SetKeepAlivesEnabled(!o.KeepAlivesOff)
	plain, secure := listen(t), listen(t)
	go s.Serve(plain)
	go s.ServeTLS(secure, "", "")
	return register(t, &target{"net/http", [2]net.Addr{plain.Addr(), secure.Addr()}, h, s.Close})
}

func newOurs(t *testing.T, engine string, o settings) *target {
	t.Helper()
	h := newSwitchboard()
	s := &uringserve.Server{Handler: h, TLSConfig: serverTLS(), Engine: engine, Loops: 1, ErrorLog: log.New(h, "", 0),
		ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, DisableGeneralOptionsHandler: o.DisableGeneralOptionsHandler,
		MaxHeaderBytes: o.MaxHeaderBytes, ConnState: o.connState(h)}
	s.SetKeepAlivesEnabled(!o.KeepAlivesOff)
	var addrs [2]net.Addr
	for i, bind := range []func(string) ([]net.Addr, error){s.Listen, s.ListenTLS} {
		bound, err := bind("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addrs[i] = bound[0]
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return register(t, &target{"uringserve on " + s.Info().Engine, addrs, h, s.Close})
}

func register(t *testing.T, s *target) *target {
	t.Cleanup(func() { s.close() })
	return s
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// A handler notes what it sees.
type handler func(w http.ResponseWriter, r *http.Request, n *notes)

// notes are what one run of a case has to tell, in any order of its two sides.
type notes struct {
	mu     sync.Mutex
	lines  []string
	done   chan struct{} // closed when the handler has returned
	go_    chan struct{} // for cases: the client lets the handler go on
	logged chan string   // what is logged, whole; nil: nobody asks
}

func newNotes() *notes { return &notes{done: make(chan struct{}), go_: make(chan struct{}, 8)} }

func (n *notes) add(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
}

func (n *notes) text() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.lines, "\n")
}

// wait has the handler wait for the client.
func (n *notes) wait() {
	select {
	case <-n.go_:
	case <-time.After(patience):
		n.add("the client did not let the handler go on")
	}
}

// A switchboard is the handler of a server: that of the case, and what asks
// whether a connection still works. It is its ErrorLog, too.
type switchboard struct {
	mu      sync.Mutex
	handler handler // guarded by mu
	notes   *notes  // guarded by mu

	told chan http.ConnState
}

func newSwitchboard() *switchboard { return &switchboard{told: make(chan http.ConnState, 64)} }

// states are those of the one connection that there is, up to its last.
func (s *switchboard) states() string {
	var all []string
	for {
		select {
		case state := <-s.told:
			all = append(all, state.String())
			if state == http.StateClosed || state == http.StateHijacked {
				return strings.Join(all, " ")
			}
		case <-time.After(patience):
			return strings.Join(all, " ") + " and no end"
		}
	}
}

func (s *switchboard) set(h handler, n *notes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handler, s.notes = h, n
}

func (s *switchboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/-fate" {
		w.Header().Set("X-Fate", "kept")
		return
	}
	s.mu.Lock()
	h, n := s.handler, s.notes
	s.mu.Unlock()
	if n != nil {
		defer close(n.done)
	}
	h(w, r, n)
}

// Write takes a line of the ErrorLog.
func (s *switchboard) Write(p []byte) (int, error) {
	s.mu.Lock()
	n := s.notes
	s.mu.Unlock()
	if n != nil && n.logged != nil {
		n.logged <- string(p)
	}
	line, _, _ := strings.Cut(string(p), "\n")
	if n != nil && strings.HasPrefix(line, "http: ") && !strings.HasPrefix(line, "http: panic") &&
		!strings.HasPrefix(line, "http: TLS") {
		at := strings.Index(line, " from ")
		if at > 0 {
			line = line[:at]
		}
		n.add("logged: %s", line)
	}
	return len(p), nil
}

// headerText is h, sorted, with what changes from run to run left out.
func headerText(h http.Header) string {
	var lines []string
	for name, values := range h {
		for _, v := range values {
			if name == "Date" {
				if _, err := http.ParseTime(v); err == nil {
					v = "*"
				}
			}
			lines = append(lines, name+": "+v)
		}
		if len(values) == 0 {
			lines = append(lines, name+": (none)")
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// bodyText shortens a body.
func bodyText(b []byte) string {
	if len(b) <= 80 {
		return fmt.Sprintf("%q", b)
	}
	sum := uint32(1)
	for _, c := range b {
		sum = sum*31 + uint32(c)
	}
	return fmt.Sprintf("%q… %d bytes, sum %d", b[:20], len(b), sum)
}

// readAll reads r to its end and says how that went.
func readAll(r io.Reader) string {
	b, err := io.ReadAll(r)
	return fmt.Sprintf("%s, %s", bodyText(b), errorText(err))
}
