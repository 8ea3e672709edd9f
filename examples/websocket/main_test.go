package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/uringserve/uringserve/examples/internal/exampletest"
)

var libraries = []string{"/gorilla", "/coder", "/gws"}

func newHandler(*testing.T) http.Handler { return handler() }

func TestEcho(t *testing.T) {
	test := func(t *testing.T, s *exampletest.Server) {
		for _, path := range libraries {
			for name, mode := range map[string]websocket.CompressionMode{
				"plain": websocket.CompressionDisabled, "packed": websocket.CompressionContextTakeover,
			} {
				t.Run(path[1:]+" "+name, func(t *testing.T) { testEcho(t, s, path, mode) })
			}
		}
	}
	t.Run("cleartext", func(t *testing.T) { exampletest.Each(t, newHandler, test) })
	t.Run("tls", func(t *testing.T) { exampletest.EachTLS(t, newHandler, test) })
}

func dial(t *testing.T, s *exampletest.Server, path string, mode websocket.CompressionMode) *websocket.Conn {
	c, resp, err := websocket.Dial(t.Context(), s.URL+path, &websocket.DialOptions{HTTPClient: s.Client(t, false), CompressionMode: mode})
	exampletest.Check(t, err)
	exampletest.Equal(t, "status", resp.StatusCode, http.StatusSwitchingProtocols)
	packed := strings.HasPrefix(resp.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate")
	exampletest.Equal(t, "packed", packed, mode != websocket.CompressionDisabled)
	t.Cleanup(func() { _ = c.CloseNow() })
	c.SetReadLimit(maxMessage)
	return c
}

func testEcho(t *testing.T, s *exampletest.Server, path string, mode websocket.CompressionMode) {
	c := dial(t, s, path, mode)
	random := make([]byte, maxMessage/2) // packed it is longer
	_, _ = rand.Read(random)
	for _, message := range [][]byte{nil, []byte("hello"), bytes.Repeat([]byte("again "), 10_000), random} {
		testMessage(t, c, message)
	}
	for kind := range 100 { // many at once
		exampletest.Check(t, c.Write(t.Context(), websocket.MessageText, []byte{'a' + byte(kind%26)}))
	}
	for kind := range 100 {
		_, got, err := c.Read(t.Context())
		exampletest.Check(t, err)
		exampletest.Equal(t, "message", string(got), string(rune('a'+kind%26)))
	}
	reading := c.CloseRead(t.Context())
	exampletest.Check(t, c.Ping(t.Context()))
	exampletest.Check(t, c.Close(websocket.StatusNormalClosure, "bye")) // waits for the answer
	<-reading.Done()
}

func testMessage(t *testing.T, c *websocket.Conn, message []byte) {
	t.Helper()
	var sent sync.WaitGroup
	sent.Go(func() {
		if err := c.Write(context.Background(), websocket.MessageBinary, message); err != nil {
			t.Error(err)
		}
	})
	kind, got, err := c.Read(t.Context())
	exampletest.Check(t, err)
	sent.Wait()
	exampletest.Equal(t, "kind", kind, websocket.MessageBinary)
	if !bytes.Equal(got, message) {
		t.Errorf("%d bytes came back as %d others", len(message), len(got))
	}
}

// TestTooLong: a message over the limit ends the connection, and with it the
// library's use of it.
func TestTooLong(t *testing.T) {
	exampletest.Each(t, newHandler, func(t *testing.T, s *exampletest.Server) {
		for _, path := range libraries {
			c := dial(t, s, path, websocket.CompressionDisabled)
			_ = c.Write(t.Context(), websocket.MessageBinary, make([]byte, maxMessage+1)) // may fail midway
			if _, _, err := c.Read(t.Context()); err == nil {
				t.Errorf("%s: it came back", path)
			}
		}
	})
}

// TestNotWebSocket: what is no handshake gets an answer, and the connection goes on.
func TestNotWebSocket(t *testing.T) {
	exampletest.Each(t, newHandler, func(t *testing.T, s *exampletest.Server) {
		c := s.Client(t, false)
		for path, status := range map[string]int{
			"/gorilla": http.StatusBadRequest, "/coder": http.StatusUpgradeRequired,
			"/gws": http.StatusBadRequest, "/": http.StatusNotFound,
		} {
			resp, err := c.Get(s.URL + path)
			exampletest.Check(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			exampletest.Check(t, err)
			exampletest.Check(t, resp.Body.Close())
			exampletest.Equal(t, path, resp.StatusCode, status)
		}
	})
}
