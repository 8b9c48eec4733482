package main

import (
	"context"
	"strings"
	"time"

	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/connpool"
	"github.com/cloudwego/kitex/transport"

	"bench-kitex/kitex_gen/echo/echo"
)

type echoing struct{}

func (*echoing) Echo(_ context.Context, message string) (string, error) {
	return message, nil
}

// loadEcho calls the echo service on pooled connections or on one multiplexed connection.
func loadEcho(options options) error {
	settings := []client.Option{
		client.WithHostPorts(options.addr),
		client.WithTransportProtocol(transport.TTHeaderFramed),
	}
	if options.mode == "mux" {
		settings = append(settings, client.WithMuxConnection(1))
	} else {
		settings = append(settings, client.WithLongConnection(connpool.IdleConfig{
			MaxIdlePerAddress: options.concurrency,
			MaxIdleGlobal:     options.concurrency,
			MaxIdleTimeout:    time.Minute,
		}))
	}
	caller, err := echo.NewClient("echo", settings...)
	if err != nil {
		return err
	}
	message := strings.Repeat("x", options.payload)
	return drive(options, func() error {
		answer, err := caller.Echo(context.Background(), message)
		return check(answer, message, err)
	})
}
