package main

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
)

// rotation is a client of HTTP/2 with several connections, which it takes in
// turn: what Go's own has would use one as long as its streams suffice.
type rotation struct {
	connections []*http.Transport // each keeps to one
	next        atomic.Uint64
}

// newRotation opens n connections by a request for url on each.
func newRotation(w wire, url string, n int) (*rotation, error) {
	r := &rotation{}
	for range n {
		t := w.transport(nil)
		resp, err := (&http.Client{Transport: t, Timeout: attackTimeout}).Get(url)
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil {
			return nil, err
		}
		if resp.ProtoMajor != 2 {
			return nil, fmt.Errorf("%s was answered over %s, not HTTP/2", url, resp.Proto)
		}
		r.connections = append(r.connections, t)
	}
	return r, nil
}

// RoundTrip is http.RoundTripper's.
func (r *rotation) RoundTrip(req *http.Request) (*http.Response, error) {
	n := r.next.Add(1)
	return r.connections[n%uint64(len(r.connections))].RoundTrip(req)
}
