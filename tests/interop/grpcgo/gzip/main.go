// A grpc-go client with gzip linked in, which makes it accept gzip on every call, and a server of the same kind.
//
// gzip -address HOST:PORT -method unary|client|server|bidi|empty|error -requests plain|gzip -answers plain|gzip makes a call: its
// requests are compressed as told, and the answers must come as told. Exit status 0 is success; the reason of a failure is on standard
// error.
//
// gzip -serve prints {"event":"listening","address":"127.0.0.1:…"} and serves grpc-go's interop service until its standard input ends.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/interop"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// Zeros, which gzip makes small.
const size = 100_000

var (
	serve    = flag.Bool("serve", false, "be a server")
	address  = flag.String("address", "", "the server's address")
	method   = flag.String("method", "unary", "unary, client, server, bidi, empty or error")
	requests = flag.String("requests", "plain", "plain or gzip")
	answers  = flag.String("answers", "plain", "plain or gzip")
)

func main() {
	flag.Parse()
	run := call
	if *serve {
		run = server
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func server() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	line, err := json.Marshal(map[string]string{"event": "listening", "address": listener.Addr().String()})
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	server := grpc.NewServer()
	testpb.RegisterTestServiceServer(server, interop.NewTestServer())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		server.Stop()
	}()
	return server.Serve(listener)
}

func call() error {
	seen := &observer{}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStatsHandler(seen),
	}
	if *requests == "gzip" {
		options = append(options, grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name)))
	}
	conn, err := grpc.NewClient(*address, options...)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	methods := map[string]func(context.Context, testpb.TestServiceClient) error{
		"unary": unary, "client": clientStreaming, "server": serverStreaming, "bidi": bidirectional,
		"empty": empty, "error": failing,
	}
	run, known := methods[*method]
	if !known {
		return fmt.Errorf("no method %q", *method)
	}
	if err := run(ctx, testpb.NewTestServiceClient(conn)); err != nil {
		return err
	}
	if *method == "error" {
		fmt.Println("no answer")
		return nil
	}
	return seen.check()
}

func payload() *testpb.Payload { return &testpb.Payload{Body: make([]byte, size)} }

func check(body *testpb.Payload) error {
	if length := len(body.GetBody()); length != size {
		return fmt.Errorf("an answer of %d bytes", length)
	}
	return nil
}

func unary(ctx context.Context, client testpb.TestServiceClient) error {
	answer, err := client.UnaryCall(ctx, &testpb.SimpleRequest{Payload: payload(), ResponseSize: size})
	if err != nil {
		return err
	}
	return check(answer.GetPayload())
}

func empty(ctx context.Context, client testpb.TestServiceClient) error {
	_, err := client.EmptyCall(ctx, &testpb.Empty{})
	return err
}

func failing(ctx context.Context, client testpb.TestServiceClient) error {
	want := status.Error(codes.NotFound, "not here")
	echo := &testpb.EchoStatus{Code: int32(codes.NotFound), Message: "not here"}
	_, err := client.UnaryCall(ctx, &testpb.SimpleRequest{Payload: payload(), ResponseStatus: echo})
	if err == nil || err.Error() != want.Error() {
		return fmt.Errorf("%v, want %v", err, want)
	}
	return nil
}

func clientStreaming(ctx context.Context, client testpb.TestServiceClient) error {
	stream, err := client.StreamingInputCall(ctx)
	if err != nil {
		return err
	}
	for range 3 {
		if err := stream.Send(&testpb.StreamingInputCallRequest{Payload: payload()}); err != nil {
			return err
		}
	}
	answer, err := stream.CloseAndRecv()
	if err != nil {
		return err
	}
	if answer.GetAggregatedPayloadSize() != 3*size {
		return fmt.Errorf("a sum of %d bytes", answer.GetAggregatedPayloadSize())
	}
	return nil
}

func wish(count int) *testpb.StreamingOutputCallRequest {
	request := &testpb.StreamingOutputCallRequest{Payload: payload()}
	for range count {
		request.ResponseParameters = append(request.ResponseParameters, &testpb.ResponseParameters{Size: size})
	}
	return request
}

func serverStreaming(ctx context.Context, client testpb.TestServiceClient) error {
	stream, err := client.StreamingOutputCall(ctx, wish(3))
	if err != nil {
		return err
	}
	for range 3 {
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := check(answer.GetPayload()); err != nil {
			return err
		}
	}
	return end(stream.Recv())
}

func bidirectional(ctx context.Context, client testpb.TestServiceClient) error {
	stream, err := client.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	for range 3 {
		if err := stream.Send(wish(1)); err != nil {
			return err
		}
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := check(answer.GetPayload()); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return end(stream.Recv())
}

func end(_ *testpb.StreamingOutputCallResponse, err error) error {
	if err == nil {
		return errors.New("an answer too many")
	}
	if err != io.EOF {
		return err
	}
	return nil
}

// Sees how messages are on the wire.
type observer struct {
	mutex         sync.Mutex
	sent, encoded string
	messages      []*stats.InPayload
}

func (*observer) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (*observer) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (*observer) HandleConn(context.Context, stats.ConnStats)                       {}

func (o *observer) HandleRPC(_ context.Context, event stats.RPCStats) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	switch event := event.(type) {
	case *stats.OutHeader:
		o.sent = event.Compression
	case *stats.InHeader:
		o.encoded = event.Compression
	case *stats.InPayload:
		o.messages = append(o.messages, event)
	}
}

// The answers were as told.
func (o *observer) check() error {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.sent != name(*requests) || o.encoded != name(*answers) {
		return fmt.Errorf("grpc-encoding of the requests %q, of the answers %q", o.sent, o.encoded)
	}
	if len(o.messages) == 0 {
		return errors.New("no answers seen")
	}
	wire := 0
	for _, message := range o.messages {
		wire += message.CompressedLength
		// The one answer of a client-streaming call is too short to become smaller.
		if message.Length < size {
			continue
		}
		if (message.CompressedLength < message.Length) != (*answers == "gzip") {
			return fmt.Errorf("an answer of %d bytes came as %d", message.Length, message.CompressedLength)
		}
	}
	fmt.Printf("%d answers, %d bytes on the wire\n", len(o.messages), wire)
	return nil
}

func name(kind string) string {
	if kind == "gzip" {
		return gzip.Name
	}
	return ""
}
