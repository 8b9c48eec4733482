package main

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"

	"github.com/cloudwego/kitex/client"

	"bench-kitex/kitex_gen/chat"
	service "bench-kitex/kitex_gen/chat/chat"
)

type chatting struct{}

func (*chatting) Say(_ context.Context, line *chat.Line) (*chat.Line, error) {
	return line, nil
}

func (*chatting) Talk(stream chat.Chat_TalkServer) error {
	for {
		line, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(line); err != nil {
			return err
		}
	}
}

func connect(options options) (service.Client, error) {
	return service.NewClient("chat", client.WithHostPorts(options.addr), client.WithGRPCConnPoolSize(1))
}

func loadUnary(options options) error {
	caller, err := connect(options)
	if err != nil {
		return err
	}
	line := &chat.Line{Text: strings.Repeat("x", options.payload)}
	return drive(options, func() error {
		answer, err := caller.Say(context.Background(), line)
		return check(answer.GetText(), line.Text, err)
	})
}

func loadStreams(options options) error {
	caller, err := connect(options)
	if err != nil {
		return err
	}
	line := &chat.Line{Text: strings.Repeat("x", options.payload)}
	streams := make([]exchange, options.concurrency)
	for index := range streams {
		stream, err := caller.Talk(context.Background())
		if err != nil {
			return err
		}
		streams[index] = exchange{
			send: func() error { return stream.Send(line) },
			receive: func() error {
				answer, err := stream.Recv()
				return check(answer.GetText(), line.Text, err)
			},
		}
	}
	// A client that is not reachable any more closes its connections, whatever streams are open.
	defer runtime.KeepAlive(caller)
	return driveStreams(options, streams)
}
