// A gRPC service, by grpc-go: its server is an http.Handler, so that gRPC and
// plain HTTP share one address. In cleartext it needs HTTP/2 with prior
// knowledge (h2c), which is on; with -cert and -key it is TLS.
//
//	go run ./grpc
//	go run google.golang.org/grpc/interop/client -server_port 8080 -test_case large_unary
package main

import (
	"flag"
	"log"
	"mime"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/interop"
	"google.golang.org/grpc/interop/grpc_testing"

	"github.com/uringserve/uringserve"
)

func main() {
	cert := flag.String("cert", "", "file with the certificate: TLS")
	key := flag.String("key", "", "file with its key")
	flag.Parse()
	if *cert != "" {
		log.Fatal(uringserve.ListenAndServeTLS("localhost:8080", *cert, *key, handler()))
	}
	log.Fatal(uringserve.ListenAndServe("localhost:8080", handler()))
}

// handler is the service of gRPC's interoperability tests, and a page beside it.
func handler() http.Handler {
	service := grpc.NewServer()
	grpc_testing.RegisterTestServiceServer(service, interop.NewTestServer())

	pages := http.NewServeMux()
	pages.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isGRPC(r) {
			service.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// isGRPC: its requests are of HTTP/2, and application/grpc, or that +proto and so on.
func isGRPC(r *http.Request) bool {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return r.ProtoMajor == 2 && (media == "application/grpc" || media == "application/grpc+proto")
}
