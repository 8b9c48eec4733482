package main

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/remote/trans/ttstream"

	"bench-kitex/kitex_gen/lines"
	service "bench-kitex/kitex_gen/lines/lines"
)

type talking struct{}

func (*talking) Talk(ctx context.Context, stream lines.Lines_talkServer) error {
	for {
		line, err := stream.Recv(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(ctx, line); err != nil {
			return err
		}
	}
}

// loadLines keeps messages in flight on streams over TTHeader, all of them on one connection.
func loadLines(options options) error {
	one := ttstream.WithClientMuxConnPool(ttstream.MuxConnConfig{PoolSize: 1, MaxIdleTimeout: time.Minute})
	caller, err := service.NewClient(
		"lines",
		client.WithHostPorts(options.addr),
		client.WithTTHeaderStreamingOptions(client.WithTTHeaderStreamingTransportOptions(one)),
	)
	if err != nil {
		return err
	}
	ctx := context.Background()
	line := &lines.Line{Text: strings.Repeat("x", options.payload)}
	streams := make([]exchange, options.concurrency)
	for index := range streams {
		stream, err := caller.Talk(ctx)
		if err != nil {
			return err
		}
		streams[index] = exchange{
			send: func() error { return stream.Send(ctx, line) },
			receive: func() error {
				answer, err := stream.Recv(ctx)
				return check(answer.GetText(), line.Text, err)
			},
		}
	}
	defer runtime.KeepAlive(caller)
	return driveStreams(options, streams)
}
