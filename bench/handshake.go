package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// handshakeTimeout bounds one connection of a load of handshakes.
const handshakeTimeout = 10 * time.Second

// handshakeResult is what a load of handshakes counted.
type handshakeResult struct {
	Handshakes int // with the right answer to a request after it
	Failed     int // the others: also those that were resumed and should not be, or the reverse
	FirstError string
	Seconds    float64
}

// handshakes opens connections to addr, so many at the same time, for d: on
// each a handshake, full or resumed, and one request, which is what brings the
// tickets for the next. The server closes.
func handshakes(addr, path string, connections int, resumed bool, d time.Duration) handshakeResult {
	var mu sync.Mutex // guards sum
	var sum handshakeResult
	var ready, done sync.WaitGroup
	start := make(chan time.Time)
	ready.Add(connections)
	for range connections {
		done.Go(func() {
			config := clientTLS()
			if resumed {
				config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
				_, _ = handshake(addr, path, config) // for the first ticket: without one the next fails, and says so
			}
			ready.Done()
			one := repeatHandshakes(addr, path, config, resumed, (<-start).Add(d))
			mu.Lock()
			defer mu.Unlock()
			sum.Handshakes, sum.Failed = sum.Handshakes+one.Handshakes, sum.Failed+one.Failed
			if sum.FirstError == "" {
				sum.FirstError = one.FirstError
			}
		})
	}
	ready.Wait()
	began := time.Now()
	for range connections {
		start <- began
	}
	done.Wait()
	sum.Seconds = time.Since(began).Seconds()
	return sum
}

// repeatHandshakes makes one handshake after the other until end.
func repeatHandshakes(addr, path string, config *tls.Config, resumed bool, end time.Time) handshakeResult {
	var res handshakeResult
	for time.Now().Before(end) {
		did, err := handshake(addr, path, config)
		if err == nil && did != resumed {
			err = fmt.Errorf("resumed: %t", did)
		}
		if err == nil {
			res.Handshakes++
			continue
		}
		res.Failed++
		if res.FirstError == "" {
			res.FirstError = err.Error()
		}
	}
	return res
}

// handshake makes one connection with one request, and says whether the
// session was resumed.
func handshake(addr, path string, config *tls.Config) (resumed bool, err error) {
	raw, err := net.DialTimeout("tcp", addr, handshakeTimeout)
	if err != nil {
		return false, err
	}
	defer raw.Close()
	if err := raw.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return false, err
	}
	c := tls.Client(raw, config)
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", path); err != nil {
		return false, err
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(c, 512), nil)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return false, err
	}
	if resp.StatusCode != 200 {
		return false, errors.New(resp.Status)
	}
	_, _ = io.Copy(io.Discard, c) // the server closes, and with it ends what is measured; how, does not matter
	return c.ConnectionState().DidResume, nil
}

// handshakes runs a load of handshakes against s in a process of its own.
func (r *runner) handshakes(ctx context.Context, s *server, connections int, resumed bool, d time.Duration) (measured, error) {
	out, busy, err := r.runLoad(ctx, s, r.self, "load", "handshake", "-addr", s.addr, "-path", plaintext,
		"-connections", strconv.Itoa(connections), fmt.Sprintf("-resumed=%t", resumed), "-duration", d.String())
	if err != nil {
		return measured{}, err
	}
	var res handshakeResult
	if err := json.Unmarshal(out, &res); err != nil {
		return measured{}, fmt.Errorf("result of handshakes: %w", err)
	}
	if res.Handshakes <= res.Failed || res.Seconds <= 0 {
		return measured{}, fmt.Errorf("%d handshakes, %d failed: %s", res.Handshakes, res.Failed, res.FirstError)
	}
	m := sample{rps: float64(res.Handshakes) / res.Seconds}
	return measured{sample: m, requests: int64(res.Handshakes), busy: busy, failed: int64(res.Failed)}, nil
}
