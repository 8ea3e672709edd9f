package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"time"
)

// loadMain is bench load: the load generators that are part of bench, as
// processes of their own.
func loadMain(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) == 0 {
		return usageError("bench load: which one?")
	}
	fs := flag.NewFlagSet("bench load", flag.ContinueOnError)
	addr := fs.String("addr", "", "address of the server")
	path := fs.String("path", plaintext, "path to ask for")
	connections := fs.Int("connections", 64, "connections")
	rate := fs.Float64("rate", 0, "requests per second; 0: as many as can be")
	duration := fs.Duration("duration", 10*time.Second, "how long")
	underWay := fs.Int("under-way", 1, "ws: messages under way on each connection")
	resumed := fs.Bool("resumed", false, "handshake: resume sessions")
	secure := fs.Bool("tls", false, "over TLS")
	h2 := fs.Bool("h2", false, "vegeta: HTTP/2")
	answered := fs.Bool("answered", true, "hold: wait for the answers")
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "vegeta":
		w := wire{tls: *secure, h2: *h2}
		res, err := attack(w, w.scheme()+"://"+*addr+*path, *connections, *rate, *duration)
		if err != nil {
			return err
		}
		return json.NewEncoder(stdout).Encode(res)
	case "hold":
		return holdMain(*addr, *path, *connections, *secure, *answered, stdin, stdout)
	case "ws":
		return json.NewEncoder(stdout).Encode(websockets(*addr, *connections, *underWay, *duration))
	case "handshake":
		return json.NewEncoder(stdout).Encode(handshakes(*addr, *path, *connections, *resumed, *duration))
	}
	return usageError(fmt.Sprintf("bench load: no %q", args[0]))
}
