package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/uringserve/uringserve"
)

// standard is the engine that is none of ours: net/http's own server.
const standard = "net/http"

// jsonPath is answered with a small object by encoding/json.
const jsonPath = "/json"

// handlers are the http.Handlers that bench peer serves, on our server and on
// net/http's.
var handlers = map[string]func() http.Handler{
	"handler": plainHandler,
	"grpc-go": grpcHandler,
	"connect": connectHandler,
}

func plainHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case plaintext:
			w.Header().Set("Content-Type", wantType)
			_, _ = io.WriteString(w, wantBody) // the client is gone: nothing to do
		case jsonPath:
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(struct {
				Message string `json:"message"`
			}{wantBody}) // as above
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
}

// serveHandler serves h by net/http or by an engine of ours, over HTTP/1.1 and
// HTTP/2 with prior knowledge.
func serveHandler(addr, engine string, takeoverOff bool, h http.Handler) error {
	if engine == standard {
		s := &http.Server{Addr: addr, Handler: h, Protocols: new(http.Protocols)}
		s.Protocols.SetHTTP1(true)
		s.Protocols.SetUnencryptedHTTP2(true)
		return s.ListenAndServe()
	}
	s := uringserve.Server{Addr: addr, Handler: h, Engine: engine, TakeoverOff: takeoverOff}
	return s.ListenAndServe()
}

// handlerPeers are a handler's servers: ours by engine, then net/http. title
// goes before their names.
func (r *runner) handlerPeers(title, handler string, w wire) []peer {
	var peers []peer
	for _, spec := range r.cfg.engines {
		engine, off := engineName(spec)
		p := peer{name: engineTitle(title+"uringserve", spec), about: r.commit, wire: w, env: []string{"GOMAXPROCS=2"},
			argv: []string{r.self, "peer", handler, "-addr", "127.0.0.1:{port}", "-engine", engine}}
		if off {
			p.argv = append(p.argv, "-takeover-off")
		}
		peers = append(peers, p)
	}
	return append(peers, peer{name: title + standard, about: goVersion(), wire: w,
		argv: []string{r.self, "peer", handler, "-addr", "127.0.0.1:{port}", "-engine", standard}})
}

// runNetHTTP is the profile of http.Handler: the same one on our server and on
// net/http's, over HTTP/1.1 and over HTTP/2 in cleartext.
func runNetHTTP(ctx context.Context, r *runner) (*report, error) {
	if err := h2loadMissing(); err != nil {
		return nil, err
	}
	title := "http.Handler"
	rep := r.newReport(title, requestColumns(standard), chart{title: title + ": CPU time per request", axis: "µs", metric: cpuReq})
	for _, w := range []wire{{}, {h2: true}} {
		peers := r.present(ctx, r.handlerPeers("", "handler", w))
		if !w.h2 { // they are the same for both
			rep.present(peers)
		}
		workloads, err := r.choose(ctx, r.handlerWorkloads(w), peers)
		if err != nil {
			continue // none of this wire was asked for
		}
		for _, load := range workloads {
			rep.addRow(load, peers, standard)
		}
	}
	if len(rep.cells) == 0 {
		return nil, usageError("no workload or no server has such a name")
	}
	if err := r.measure(ctx, rep.cells); err != nil {
		return nil, err
	}
	rep.conclude()
	return rep, nil
}

func (r *runner) handlerWorkloads(w wire) []workload {
	if !w.h2 {
		return []workload{r.keepAlive(64), r.closed("keep-alive/64 JSON", wrkLoad{path: jsonPath, connections: 64})}
	}
	var all []workload
	for _, n := range h2Streams[:2] {
		all = append(all, r.h2Closed(fmt.Sprintf("h2c/%d×%d", n.connections, n.streams), h2Load{path: plaintext, connections: n.connections, streams: n.streams}))
	}
	return all
}

// h2Closed is a workload of a closed loop over HTTP/2.
func (r *runner) h2Closed(name string, l h2Load) workload {
	return workload{name: name, cost: r.cfg.warm + r.cfg.window + 500*time.Millisecond,
		run: func(ctx context.Context, s *server) (sample, error) { return r.h2ClosedLoop(ctx, s, l) }}
}

// addRow adds a cell per peer, each compared with the one called reference.
func (rep *report) addRow(w workload, peers []peer, reference string) {
	var row []*cell
	var ref *cell
	for _, p := range peers {
		c := &cell{workload: w, peer: p}
		if p.name == reference {
			ref = c
		}
		row = append(row, c)
	}
	for _, c := range row {
		c.ref = ref
	}
	rep.cells = append(rep.cells, row...)
}
