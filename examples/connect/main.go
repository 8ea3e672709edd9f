// A Connect service: the same methods by the protocols Connect, gRPC and
// gRPC-Web, over HTTP/1.1 and HTTP/2, in JSON and Protobuf. Its messages are
// types of Protobuf's own, so that no code is generated; with a .proto of yours,
// greetconnect.NewGreetServiceHandler takes the place of the four lines in handler.
//
//	go run ./connect
//	curl -d '"Ada"' -H 'Content-Type: application/json' localhost:8080/greet.v1.GreetService/Greet
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/uringserve/uringserve"
)

const service = "/greet.v1.GreetService/"

type (
	text   = wrapperspb.StringValue
	number = wrapperspb.Int64Value
)

func main() {
	log.Fatal(uringserve.ListenAndServe("localhost:8080", handler()))
}

// handler has one method of each kind.
func handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(service+"Greet", connect.NewUnaryHandler(service+"Greet", greet))
	mux.Handle(service+"Sum", connect.NewClientStreamHandler(service+"Sum", sum))
	mux.Handle(service+"Count", connect.NewServerStreamHandler(service+"Count", count))
	mux.Handle(service+"Chat", connect.NewBidiStreamHandler(service+"Chat", chat))
	return mux
}

// greet answers one message with one, and passes metadata on. An error has a
// code; with nobody to greet it waits for as long as the client allows.
func greet(ctx context.Context, req *connect.Request[text]) (*connect.Response[text], error) {
	switch name := req.Msg.GetValue(); name {
	case "nobody":
		<-ctx.Done()
		return nil, ctx.Err()
	case "":
		err := connect.NewError(connect.CodeInvalidArgument, errors.New("a name is needed"))
		err.Meta().Set("Field", "name")
		return nil, err
	default:
		resp := connect.NewResponse(&text{Value: "hello, " + name})
		resp.Header().Set("Who", req.Header().Get("Who"))
		resp.Trailer().Set("Who-Again", req.Header().Get("Who"))
		return resp, nil
	}
}

// sum answers when all messages have come.
func sum(_ context.Context, stream *connect.ClientStream[number]) (*connect.Response[number], error) {
	var total int64
	for stream.Receive() {
		total += stream.Msg().GetValue()
	}
	return connect.NewResponse(&number{Value: total}), stream.Err()
}

// count sends as many messages as it is asked for, until the client has gone.
func count(ctx context.Context, req *connect.Request[number], stream *connect.ServerStream[number]) error {
	for i := int64(1); i <= req.Msg.GetValue(); i++ {
		if err := stream.Send(&number{Value: i}); err != nil {
			return err
		}
	}
	stream.ResponseTrailer().Set("Counted", fmt.Sprint(req.Msg.GetValue()))
	return ctx.Err()
}

// chat answers each message when it comes.
func chat(_ context.Context, stream *connect.BidiStream[text, text]) error {
	for {
		msg, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&text{Value: strings.ToUpper(msg.GetValue())}); err != nil {
			return err
		}
	}
}
