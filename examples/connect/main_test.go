package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/uringserve/uringserve/examples/internal/exampletest"
)

// clients are the ways to call the service.
var clients = []struct {
	name  string
	http2 bool
	opts  []connect.ClientOption
}{
	{"connect h1", false, nil},
	{"connect h1 json", false, []connect.ClientOption{connect.WithProtoJSON(), connect.WithSendGzip()}},
	{"connect h2", true, nil},
	{"grpc h2", true, []connect.ClientOption{connect.WithGRPC()}},
	{"grpc-web h1", false, []connect.ClientOption{connect.WithGRPCWeb()}},
	{"grpc-web h2", true, []connect.ClientOption{connect.WithGRPCWeb()}},
}

// caller is one client of the service.
type caller struct {
	http *http.Client
	url  string
	opts []connect.ClientOption
}

func client[Req, Res any](c caller, method string) *connect.Client[Req, Res] {
	return connect.NewClient[Req, Res](c.http, c.url+service+method, c.opts...)
}

func TestConnect(t *testing.T) { exampletest.Each(t, newHandler, testClients) }

func TestConnectTLS(t *testing.T) { exampletest.EachTLS(t, newHandler, testClients) }

func newHandler(*testing.T) http.Handler { return handler() }

func testClients(t *testing.T, s *exampletest.Server) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			to := caller{s.Client(t, c.http2), s.URL, c.opts}
			t.Run("unary", func(t *testing.T) { testUnary(t, to) })
			t.Run("error", func(t *testing.T) { testError(t, to) })
			t.Run("deadline", func(t *testing.T) { testDeadline(t, to) })
			t.Run("client stream", func(t *testing.T) { testClientStream(t, to) })
			t.Run("server stream", func(t *testing.T) { testServerStream(t, to) })
			if c.http2 { // both ways at the same time needs HTTP/2
				t.Run("both ways", func(t *testing.T) { testChat(t, to) })
			}
		})
	}
}

func testUnary(t *testing.T, c caller) {
	req := connect.NewRequest(&text{Value: "Ada"})
	req.Header().Set("Who", "Grace")
	resp, err := client[text, text](c, "Greet").CallUnary(t.Context(), req)
	exampletest.Check(t, err)
	exampletest.Equal(t, "message", resp.Msg.GetValue(), "hello, Ada")
	exampletest.Equal(t, "header", resp.Header().Get("Who"), "Grace")
	exampletest.Equal(t, "trailer", resp.Trailer().Get("Who-Again"), "Grace")
}

func testError(t *testing.T, c caller) {
	_, err := client[text, text](c, "Greet").CallUnary(t.Context(), connect.NewRequest(&text{}))
	var connectErr *connect.Error
	if !errors.As(err, &connectErr) {
		t.Fatalf("error: %v", err)
	}
	exampletest.Equal(t, "code", connectErr.Code(), connect.CodeInvalidArgument)
	exampletest.Equal(t, "message", connectErr.Message(), "a name is needed")
	exampletest.Equal(t, "metadata", connectErr.Meta().Get("Field"), "name")
}

func testDeadline(t *testing.T, c caller) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := client[text, text](c, "Greet").CallUnary(ctx, connect.NewRequest(&text{Value: "nobody"}))
	exampletest.Equal(t, "code", connect.CodeOf(err), connect.CodeDeadlineExceeded)
}

func testClientStream(t *testing.T, c caller) {
	stream := client[number, number](c, "Sum").CallClientStream(t.Context())
	for i := range int64(1001) {
		exampletest.Check(t, stream.Send(&number{Value: i}))
	}
	resp, err := stream.CloseAndReceive()
	exampletest.Check(t, err)
	exampletest.Equal(t, "sum", resp.Msg.GetValue(), 500500)
}

func testServerStream(t *testing.T, c caller) {
	stream, err := client[number, number](c, "Count").CallServerStream(t.Context(), connect.NewRequest(&number{Value: 1000}))
	exampletest.Check(t, err)
	n := int64(0)
	for stream.Receive() {
		n++
		exampletest.Equal(t, "message", stream.Msg().GetValue(), n)
	}
	exampletest.Check(t, stream.Err())
	exampletest.Equal(t, "messages", n, 1000)
	exampletest.Equal(t, "trailer", stream.ResponseTrailer().Get("Counted"), "1000")
	exampletest.Check(t, stream.Close())
}

func testChat(t *testing.T, c caller) {
	stream := client[text, text](c, "Chat").CallBidiStream(t.Context())
	for _, word := range []string{"one", "two", strings.Repeat("three", 100_000)} {
		exampletest.Check(t, stream.Send(&text{Value: word}))
		msg, err := stream.Receive() // before the next is sent
		exampletest.Check(t, err)
		if msg.GetValue() != strings.ToUpper(word) {
			t.Errorf("%.10q… of %d bytes for %.10q…", msg.GetValue(), len(msg.GetValue()), word)
		}
	}
	exampletest.Check(t, stream.CloseRequest())
	if _, err := stream.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
	exampletest.Check(t, stream.CloseResponse())
}

// TestCancel: a handler sees that its client has gone.
func TestCancel(t *testing.T) {
	var ended chan error
	watched := func(*testing.T) http.Handler {
		ended = make(chan error, 1)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handler().ServeHTTP(w, r)
			<-r.Context().Done() // which may be a little later than the end of the body
			ended <- r.Context().Err()
		})
	}
	exampletest.Each(t, watched, func(t *testing.T, s *exampletest.Server) {
		for _, opts := range [][]connect.ClientOption{nil, {connect.WithGRPC()}} {
			ctx, cancel := context.WithCancel(t.Context())
			stream := client[text, text](caller{s.Client(t, true), s.URL, opts}, "Chat").CallBidiStream(ctx)
			exampletest.Check(t, stream.Send(&text{Value: "one"}))
			_, err := stream.Receive()
			exampletest.Check(t, err)
			cancel()
			_, err = stream.Receive()
			exampletest.Equal(t, "client's code", connect.CodeOf(err), connect.CodeCanceled)
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("handler's context: %v", err)
			}
		}
	})
}
