package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

const (
	// portsPerSource is how many connections one loopback source address
	// opens, well below the ports it has.
	portsPerSource = 20_000
	// dialers open connections at the same time.
	dialers = 32

	holdTimeout = 60 * time.Second
	holdReady   = "held"
)

// holdMain is bench load hold: it opens n connections, sends one request on
// each, says so, and keeps them open until its input ends.
func holdMain(addr, path string, n int, secure, answered bool, stdin io.Reader, stdout io.Writer) error {
	conns := make([]net.Conn, n)
	errs := make([]error, dialers)
	var wg sync.WaitGroup
	for d := range dialers {
		wg.Go(func() {
			for i := d; i < n && errs[d] == nil; i += dialers {
				conns[i], errs[d] = hold(addr, path, i, secure, answered)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, holdReady, n); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, stdin)
	for _, c := range conns {
		c.Close()
	}
	return err
}

// hold opens connection i and sends its request.
func hold(addr, path string, i int, secure, answered bool) (net.Conn, error) {
	source := net.IPv4(127, 0, 0, byte(1+i/portsPerSource))
	dialer := net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: source}}
	c, err := dialer.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if secure {
		c = tls.Client(c, clientTLS())
	}
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, addr); err != nil {
		return c, err
	}
	if !answered {
		return c, nil
	}
	if err := c.SetReadDeadline(time.Now().Add(holdTimeout)); err != nil {
		return c, err
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(c, 512), nil)
	if err != nil {
		return c, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return c, err
}

// holder is a running bench load hold.
type holder struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

// hold starts a process that holds n connections to s, and returns when it
// does. It must be released.
func (r *runner) hold(ctx context.Context, s *server, path string, n int, answered bool) (*holder, error) {
	cmd := r.command(ctx, launch{[]int{r.cfg.loadCPU}, s.network()}, r.self, "load", "hold", "-addr", s.addr,
		"-path", path, "-connections", strconv.Itoa(n), fmt.Sprintf("-answered=%t", answered), fmt.Sprintf("-tls=%t", s.peer.wire.tls))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	h := &holder{cmd, stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if want := fmt.Sprintf("%s %d\n", holdReady, n); err != nil || line != want {
		h.release()
		return nil, fmt.Errorf("%d connections could not be held: %q, %v", n, line, err)
	}
	return h, nil
}

// release closes the connections.
func (h *holder) release() {
	h.stdin.Close()
	_ = h.cmd.Wait() // it has served its purpose
}
