// Server-Sent Events (WHATWG HTML §9.2): a clock that pushes until its reader
// leaves. http.ResponseController flushes each event; the request's context ends
// when the client has gone. A reader that comes back says what it saw last.
//
//	go run ./sse
//	curl -N localhost:8080/clock, or open http://localhost:8080 in a browser
package main

import (
	"fmt"
	"log"
	"net/http"
	"strconv"
	"time"

	"github.com/uringserve/uringserve"
)

const page = `<!doctype html><title>clock</title><pre id=out></pre>
<script>new EventSource("/clock").addEventListener("tick", e => out.textContent = e.data)</script>`

func main() {
	ticks := func() (<-chan time.Time, func()) {
		ticker := time.NewTicker(time.Second)
		return ticker.C, ticker.Stop
	}
	log.Fatal(uringserve.ListenAndServe("localhost:8080", handler(ticks)))
}

// handler serves the clock, with a source of ticks for each reader.
func handler(ticks func() (c <-chan time.Time, stop func())) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(page)) // sniffed as text/html
	})
	mux.HandleFunc("GET /clock", func(w http.ResponseWriter, r *http.Request) {
		c, stop := ticks()
		defer stop()
		serve(w, r, c)
	})
	return mux
}

func serve(w http.ResponseWriter, r *http.Request, ticks <-chan time.Time) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	control := http.NewResponseController(w)
	id, _ := strconv.Atoi(r.Header.Get("Last-Event-ID")) // 0 for who is new
	if err := control.Flush(); err != nil {              // the head, before anything happens
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case now := <-ticks:
			id++
			if _, err := fmt.Fprintf(w, "id: %d\nevent: tick\ndata: %s\n\n", id, now.Format(time.TimeOnly)); err != nil {
				return
			}
			if err := control.Flush(); err != nil {
				return
			}
		}
	}
}
