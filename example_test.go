package uringserve_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	cryptotls "crypto/tls"

	"github.com/uringserve/uringserve"
	"github.com/uringserve/uringserve/app"
	"github.com/uringserve/uringserve/tls"
)

// One import moves a service of net/http's: its handlers run as they are.
func ExampleListenAndServe() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello, %s", r.PathValue("name"))
	})
	go func() {
		err := uringserve.ListenAndServe("localhost:8080", mux)
		fmt.Println(err) // it does not return otherwise
	}()
}

// The fields are http.Server's, and some more.
func ExampleServer_handler() {
	server := uringserve.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "hello, %s", r.URL.Query().Get("name"))
		}),
		ReadHeaderTimeout: 5 * time.Second,
	}
	addrs, err := server.Listen("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := server.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	resp, err := http.Get("http://" + addrs[0].String() + "/?name=world")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.Header.Get("Content-Type"), "|", string(body))
	// Output: text/plain; charset=utf-8 | hello, world
}

func ExampleServer() {
	hello := app.HandlerFunc(func(req *app.Request, resp *app.Response) {
		resp.WriteString("hello, " + string(req.Path))
	})
	server := uringserve.Server{App: hello}
	addrs, err := server.Listen("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := server.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	resp, err := http.Get("http://" + addrs[0].String() + "/world")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.Proto, string(body))
	// Output: HTTP/1.1 hello, /world
}

// Certificates from files are read again when they change.
func ExampleServer_ListenTLS() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	files, err := tls.DevCert(dir) // for localhost; yours are elsewhere
	if err != nil {
		fmt.Println(err)
		return
	}
	certs, err := tls.LoadCertificates(tls.CertificateOptions{
		Files: []tls.CertificateFiles{{Cert: files.Cert, Key: files.Key}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	watcher := tls.Watch(tls.WatchOptions{}, certs)
	defer watcher.Stop()

	server := uringserve.Server{
		TLS: &tls.Options{GetCertificate: certs.GetCertificate},
		App: app.HandlerFunc(func(req *app.Request, resp *app.Response) {
			resp.WriteString("hello, " + req.TLS().ServerName)
		}),
	}
	addrs, err := server.ListenTLS("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := server.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	roots, err := tls.LoadCAs(files.CA)
	if err != nil {
		fmt.Println(err)
		return
	}
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig: &cryptotls.Config{RootCAs: roots, ServerName: "localhost"},
	}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("https://" + addrs[0].String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(string(body))
	// Output: hello, localhost
}
