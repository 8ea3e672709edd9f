// A reverse proxy by net/http/httputil: HTTP/1.1 and HTTP/2 in front, what the
// backend speaks behind; streams, trailers and upgrades (WebSocket) pass.
//
//	go run ./reverseproxy -to http://localhost:9000
package main

import (
	"flag"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/uringserve/uringserve"
)

func main() {
	to := flag.String("to", "http://localhost:9000", "URL of the backend")
	flag.Parse()
	target, err := url.Parse(*to)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(uringserve.ListenAndServe("localhost:8080", handler(target, &http.Transport{
		MaxIdleConnsPerHost:   100,
		IdleConnTimeout:       90 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
	})))
}

// handler passes requests on to target, by transport.
func handler(target *url.URL, transport http.RoundTripper) http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1, // at once: for streams
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.SetXForwarded() // and not what the client says of itself
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			log.Printf("%s %s: %v", r.Method, r.URL.Path, err)
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Over HTTP/1.1, net/http would otherwise read the request to its end
		// before it answers, and uringserve does as net/http.
		_ = http.NewResponseController(w).EnableFullDuplex()
		proxy.ServeHTTP(w, r)
	})
}
