// SignalR by philippseith/signalr: a hub whose methods clients of Microsoft's
// libraries call, and which calls and streams back, over WebSockets and
// Server-Sent Events, in JSON and MessagePack.
//
//	go run ./signalr
//	then, with @microsoft/signalr: new HubConnectionBuilder().withUrl("http://localhost:8080/chat").build()
package main

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/philippseith/signalr"

	"github.com/uringserve/uringserve"
)

// maxMessage is the longest message of a client, in bytes.
const maxMessage = 1 << 20

func main() {
	h, err := handler(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(uringserve.ListenAndServe("localhost:8080", h))
}

// handler serves the hub at /chat, until ctx ends.
func handler(ctx context.Context) (http.Handler, error) {
	server, err := signalr.NewServer(ctx,
		signalr.SimpleHubFactory(&chat{}),
		signalr.HTTPTransports(signalr.TransportWebSockets, signalr.TransportServerSentEvents),
		signalr.MaximumReceiveMessageSize(maxMessage),
		signalr.KeepAliveInterval(10*time.Second),
		signalr.Logger(quiet{}, false))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	server.MapHTTP(signalr.WithHTTPServeMux(mux), "/chat")
	return mux, nil
}

// chat is the hub. Its exported methods are what clients call; one is made for
// each call.
type chat struct{ signalr.Hub }

// Echo answers the caller.
func (c *chat) Echo(message string) string { return message }

// Fail answers with an error: this library's way is to panic.
func (c *chat) Fail(message string) { panic("failed: " + message) }

// Send is called without an answer; all clients are called.
func (c *chat) Send(message string) { c.Clients().All().Send("received", message) }

// Count streams the numbers up to n, until the client has had enough.
func (c *chat) Count(n int) <-chan int {
	numbers := make(chan int)
	go func() {
		defer close(numbers)
		for i := range n {
			select {
			case numbers <- i + 1:
			case <-c.Context().Done():
				return
			}
		}
	}()
	return numbers
}

// Sum reads a stream of the client.
func (c *chat) Sum(numbers <-chan int) int {
	total := 0
	for n := range numbers {
		total += n
	}
	return total
}

// quiet is a log that says nothing.
type quiet struct{}

func (quiet) Log(...any) error { return nil }
