// WebSockets by libraries made for net/http: gorilla, coder and gws take the
// connection over by http.Hijacker, and read and write it themselves. They work
// over HTTP/1.1 only. Each path echoes what comes.
//
//	go run ./websocket
//	npx wscat -c ws://localhost:8080/gorilla, or /coder, or /gws
package main

import (
	"log"
	"net/http"
	"time"

	"github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
	"github.com/lxzan/gws"

	"github.com/uringserve/uringserve"
)

const (
	maxMessage = 1 << 20          // bytes
	patience   = 60 * time.Second // for the next message, and for one to be taken
)

func main() {
	log.Fatal(uringserve.ListenAndServe("localhost:8080", handler()))
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /gorilla", echoGorilla)
	mux.HandleFunc("GET /coder", echoCoder)
	mux.HandleFunc("GET /gws", echoGWS())
	return mux
}

func echoGorilla(w http.ResponseWriter, r *http.Request) {
	upgrader := gorilla.Upgrader{EnableCompression: true}
	c, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the client was told
	}
	defer c.Close()
	c.SetReadLimit(maxMessage)
	for {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		kind, message, err := c.ReadMessage()
		if err != nil {
			return
		}
		_ = c.SetWriteDeadline(time.Now().Add(patience))
		if err := c.WriteMessage(kind, message); err != nil {
			return
		}
	}
}

func echoCoder(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover})
	if err != nil {
		return // the client was told
	}
	defer c.CloseNow()
	c.SetReadLimit(maxMessage)
	for {
		kind, message, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if err := c.Write(r.Context(), kind, message); err != nil {
			return
		}
	}
}

func echoGWS() http.HandlerFunc {
	upgrader := gws.NewUpgrader(echo{}, &gws.ServerOption{
		ReadMaxPayloadSize: maxMessage,
		PermessageDeflate:  gws.PermessageDeflate{Enabled: true},
		Recovery:           gws.Recovery,
	})
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrader.Upgrade(w, r)
		if err != nil {
			return // the client was told
		}
		go c.ReadLoop() // as gws has it: the handler returns, and its memory goes
	}
}

// echo is what gws calls.
type echo struct{ gws.BuiltinEventHandler }

func (echo) OnOpen(c *gws.Conn) { _ = c.SetDeadline(time.Now().Add(patience)) }

func (echo) OnPing(c *gws.Conn, payload []byte) { _ = c.WritePong(payload) }

func (echo) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_ = c.WriteMessage(m.Opcode, m.Bytes())
}
