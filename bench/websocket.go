package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/lxzan/gws"
)

// The load of the profile: each connection sends a message, waits until it has
// come back, and sends the next; or keeps several under way.
const (
	wsConns   = 512
	wsPayload = 128 // bytes of a message
	wsPath    = "/ws"
)

const (
	// wsReference is the server that others are compared with.
	wsReference = "gws"
	// wsFloor shows what is left if a server does nothing itself.
	wsFloor = "floor"
)

// runWebSocket is the profile of WebSocket: CPU time per message echoed.
func runWebSocket(ctx context.Context, r *runner) (*report, error) {
	return r.compare(ctx, comparison{title: "WebSocket", chart: "message", columns: requestColumns(wsReference),
		reference: wsReference, peers: append(r.ours(), r.wsOthers()...),
		workloads: []workload{r.wsWorkload(wsConns, 1), r.wsWorkload(64, 1), r.wsWorkload(1, 1), r.wsWorkload(64, 16)}})
}

// wsOthers are servers on net/http, and the floor.
func (r *runner) wsOthers() []peer {
	return []peer{
		{name: wsReference, about: moduleVersion("github.com/lxzan/gws"), argv: r.wire.builtin(r.self, "gws"), wire: r.wire},
		{name: "coder", about: moduleVersion("github.com/coder/websocket"), argv: r.wire.builtin(r.self, "coder"), wire: r.wire},
		{name: wsFloor, about: "no WebSocket: epoll, a receive and a send for each message", argv: r.wire.builtin(r.self, wsFloor), wire: r.wire},
	}
}

// wsWorkload has n connections with that many messages under way on each.
func (r *runner) wsWorkload(n, underWay int) workload {
	name := fmt.Sprintf("echo %d B/%d", wsPayload, n)
	if underWay > 1 {
		name += fmt.Sprintf("×%d", underWay)
	}
	load := func(ctx context.Context, s *server, d time.Duration) (measured, error) {
		return r.wsLoad(ctx, s, []string{"-addr", s.addr, "-connections", strconv.Itoa(n), "-under-way", strconv.Itoa(underWay), "-duration", d.String()})
	}
	return workload{name: name, cost: r.cfg.warm + r.cfg.window + time.Second,
		run: func(ctx context.Context, s *server) (sample, error) {
			if _, err := load(ctx, s, r.cfg.warm); err != nil {
				return nil, err
			}
			return r.window(ctx, s, func() (measured, error) { return load(ctx, s, r.cfg.window) })
		}}
}

// wsLoad runs the load against s in a process of its own.
func (r *runner) wsLoad(ctx context.Context, s *server, args []string) (measured, error) {
	out, busy, err := r.runLoad(ctx, s, append([]string{r.self, "load", "ws"}, args...)...)
	if err != nil {
		return measured{}, err
	}
	var res wsResult
	if err := json.Unmarshal(out, &res); err != nil {
		return measured{}, fmt.Errorf("result of the WebSocket load: %w", err)
	}
	if res.Failed > 0 || res.Messages == 0 || res.Seconds <= 0 {
		return measured{}, fmt.Errorf("%d messages, %d connections failed: %s", res.Messages, res.Failed, res.FirstError)
	}
	m := sample{rps: float64(res.Messages) / res.Seconds, p50: res.P50, p99: res.P99}
	return measured{sample: m, requests: res.Messages, busy: busy}, nil
}

// wsResult is what a load counted.
type wsResult struct {
	Messages   int64
	Failed     int // connections
	FirstError string
	Seconds    float64
	P50, P99   float64 // of a message and its echo, in milliseconds
}

// wsTimeout bounds a connection of a load, beyond its duration.
const wsTimeout = 60 * time.Second

// openWebSocket does the opening handshake.
func openWebSocket(addr string) (net.Conn, error) {
	c, err := net.DialTimeout("tcp", addr, wsTimeout)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(wsTimeout))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", wsPath, addr)
	head := make([]byte, 0, 1024)
	for !strings.HasSuffix(string(head), "\r\n\r\n") { // byte by byte: nothing of what follows is taken
		if len(head) == cap(head) {
			return nil, errors.New("the answer's head is too long")
		}
		if _, err := io.ReadFull(c, head[len(head):len(head)+1]); err != nil {
			return nil, err
		}
		head = head[:len(head)+1]
	}
	if !strings.HasPrefix(string(head), "HTTP/1.1 101 ") {
		return nil, fmt.Errorf("answered %.60q", head)
	}
	return c, nil
}

// wsMessage is a message as a client frames it, and as it must come back.
func wsMessage() (out, want []byte) {
	const key = 0x3d21fa37
	payload := strings.Repeat("message ", wsPayload/8)
	out = []byte{0x82, 0x80 | 126, byte(wsPayload >> 8), byte(wsPayload & 0xff)}
	out = binary.LittleEndian.AppendUint32(out, key)
	for i := range wsPayload {
		out = append(out, payload[i]^byte(uint32(key)>>(8*(i%4))))
	}
	return out, append([]byte{0x82, 126, byte(wsPayload >> 8), byte(wsPayload & 0xff)}, payload...)
}

// serveGWS echoes with gws on net/http, as its documentation shows.
func serveGWS(addr string) error {
	u := gws.NewUpgrader(&gwsEcho{}, &gws.ServerOption{})
	return serveWebSocket(addr, func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r)
		if err != nil {
			return
		}
		go c.ReadLoop()
	})
}

// serveWebSocket serves h beside /plaintext, by which a server is found ready.
func serveWebSocket(addr string, h http.HandlerFunc) error {
	mux := http.NewServeMux()
	mux.HandleFunc(wsPath, h)
	mux.HandleFunc(plaintext, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", wantType)
		_, _ = io.WriteString(w, wantBody) // the client is gone: nothing to do
	})
	return http.ListenAndServe(addr, mux)
}

type gwsEcho struct{ gws.BuiltinEventHandler }

func (gwsEcho) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	_ = c.WriteMessage(m.Opcode, m.Bytes()) // the client is gone: nothing to do
}

// serveCoder echoes with coder/websocket on net/http.
func serveCoder(addr string) error {
	return serveWebSocket(addr, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, p, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, p) != nil {
				return
			}
		}
	})
}
