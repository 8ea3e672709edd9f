package main

import (
	"fmt"

	"github.com/uringserve/uringserve"
	"github.com/uringserve/uringserve/app"
)

// library is a server of this executable on our library, for handlers that our
// binary does not have. It has a loop per CPU that it is pinned to, and, as
// our binary sees to itself, one P more.
func (r *runner) embedded(spec string, loops int) peer {
	engine, off := engineName(spec)
	p := peer{name: engineTitle("library", spec), about: r.commit, env: []string{fmt.Sprintf("GOMAXPROCS=%d", loops+1)},
		argv: []string{r.self, "peer", "ours-blocking", "-addr", "127.0.0.1:{port}", "-dir", "{dir}", "-engine", engine}}
	if off {
		p.argv = append(p.argv, "-takeover-off")
	}
	return p
}

// serveBlocking serves the slow handlers, unmarked, with our library.
func serveBlocking(addr, dir, engine string, takeoverOff bool) error {
	slow := &slow{dir: dir}
	h := app.HandlerFunc(func(req *app.Request, resp *app.Response) {
		ms, _ := req.QueryValue("ms")
		body, ok := slow.serve(string(req.Path), string(ms))
		if !ok {
			resp.SetStatus(404)
			return
		}
		resp.Set("Content-Type", wantType)
		_, _ = resp.WriteString(body) // the client is gone: nothing to do
	})
	s := uringserve.Server{Addr: addr, App: h, Engine: engine, TakeoverOff: takeoverOff}
	return s.ListenAndServe()
}
