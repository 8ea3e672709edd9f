package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"
)

const (
	// grpcPath is the method that is called: it answers with the payload it got.
	grpcPath = "/grpc.testing.TestService/UnaryCall"
	// grpcPayload is its length, in bytes.
	grpcPayload = 100
	// grpcReference is grpc-go on its own transport.
	grpcReference = "grpc-go"
)

type (
	simpleRequest  = grpc_testing.SimpleRequest
	simpleResponse = grpc_testing.SimpleResponse
)

// testService is the service by grpc-go.
type testService struct {
	grpc_testing.UnimplementedTestServiceServer
}

func (testService) UnaryCall(_ context.Context, in *simpleRequest) (*simpleResponse, error) {
	return &simpleResponse{Payload: in.GetPayload()}, nil
}

func grpcServer() *grpc.Server {
	s := grpc.NewServer()
	grpc_testing.RegisterTestServiceServer(s, testService{})
	return s
}

// grpcHandler is the service by grpc-go as an http.Handler.
func grpcHandler() http.Handler { return grpcServer() }

// connectHandler is the service by connect-go.
func connectHandler() http.Handler {
	return connect.NewUnaryHandler(grpcPath,
		func(_ context.Context, req *connect.Request[simpleRequest]) (*connect.Response[simpleResponse], error) {
			return connect.NewResponse(&simpleResponse{Payload: req.Msg.GetPayload()}), nil
		})
}

// serveGRPC is grpc-go with its own transport.
func serveGRPC(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return grpcServer().Serve(ln)
}

// grpcMessage is m as it is sent: not compressed, and with its length before it.
func grpcMessage(m proto.Message) ([]byte, error) {
	body, err := proto.Marshal(m)
	if err != nil {
		return nil, err
	}
	head := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body)))
	return append(head, body...), nil
}

// grpcExchange are the bytes of a call and of its answer.
func grpcExchange() (call, answer []byte, err error) {
	payload := &grpc_testing.Payload{Body: make([]byte, grpcPayload)}
	call, err = grpcMessage(&simpleRequest{Payload: payload})
	if err != nil {
		return nil, nil, err
	}
	answer, err = grpcMessage(&simpleResponse{Payload: payload})
	return call, answer, err
}

// grpcFields are those of a call.
var grpcFields = []string{"content-type: application/grpc", "te: trailers"}

// verifyGRPC makes one call over c, and checks its answer.
func verifyGRPC(c net.Conn, host string) error {
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	call, answer, err := grpcExchange()
	if err != nil {
		return err
	}
	t := wire{h2: true}.transport(func(context.Context, string, string) (net.Conn, error) { return c, nil })
	defer t.CloseIdleConnections()
	req, err := http.NewRequest("POST", "http://"+host+grpcPath, bytes.NewReader(call))
	if err != nil {
		return err
	}
	req.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return err
	}
	if status := resp.Trailer.Get("Grpc-Status"); resp.StatusCode != 200 || status != "0" || !bytes.Equal(body, answer) {
		return fmt.Errorf("answered a call with %d, grpc-status %q, %d bytes", resp.StatusCode, status, len(body))
	}
	return nil
}

// grpcPeers are grpc-go with its own transport, and grpc-go and connect-go as
// http.Handlers.
func (r *runner) grpcPeers(ctx context.Context) []peer {
	w := wire{h2: true}
	peers := []peer{{name: grpcReference, about: moduleVersion("google.golang.org/grpc") + ", its own transport", wire: w,
		argv: []string{r.self, "peer", "grpc-transport", "-addr", "127.0.0.1:{port}"}}}
	peers = append(peers, r.handlerPeers("grpc-go on ", "grpc-go", w)...)
	peers = append(peers, r.handlerPeers("connect-go on ", "connect", w)...)
	for i := range peers {
		peers[i].verify = verifyGRPC
	}
	return r.present(ctx, peers)
}

// runGRPC is the profile of gRPC: unary calls.
func runGRPC(ctx context.Context, r *runner) (*report, error) {
	if err := h2loadMissing(); err != nil {
		return nil, err
	}
	call, _, err := grpcExchange()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(r.dir, "call")
	if err := os.WriteFile(data, call, 0o644); err != nil {
		return nil, err
	}
	title := "gRPC, unary calls in cleartext"
	rep := r.newReport(title, requestColumns(grpcReference), chart{title: title + ": CPU time per call", axis: "µs", metric: cpuReq})
	peers := rep.present(r.grpcPeers(ctx))
	if len(peers) == 0 {
		return nil, errors.New("there is no server to measure")
	}
	var all []workload
	for _, n := range h2Streams[:2] {
		all = append(all, r.h2Closed(fmt.Sprintf("unary/%d×%d", n.connections, n.streams),
			h2Load{grpcPath, n.connections, n.streams, data, grpcFields}))
	}
	workloads, err := r.choose(ctx, all, peers)
	if err != nil {
		return nil, err
	}
	for _, w := range workloads {
		rep.addRow(w, peers, grpcReference)
	}
	if err := r.measure(ctx, rep.cells); err != nil {
		return nil, err
	}
	rep.conclude()
	return rep, nil
}
