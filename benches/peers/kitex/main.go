// What every side of the measurement does, on Kitex: the echo service over TTHeader and framed Thrift, the chat service
// over gRPC, and the lines service on streams over TTHeader.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"

	"github.com/cloudwego/kitex/pkg/klog"
	"github.com/cloudwego/kitex/server"

	"bench-kitex/kitex_gen/chat/chat"
	"bench-kitex/kitex_gen/echo/echo"
	"bench-kitex/kitex_gen/lines/lines"
)

func main() {
	runtime.GOMAXPROCS(1)
	// What goes wrong comes back as an error; the log of streams that end with their client is noise.
	klog.SetLevel(klog.LevelFatal)
	options, err := parse()
	if err == nil {
		switch options.role {
		case "server":
			err = serve(options)
		case "client":
			err = load(options)
		default:
			err = fmt.Errorf("first argument: server or client, not %s", options.role)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(options options) error {
	listener, err := net.Listen("tcp", options.addr)
	if err != nil {
		return err
	}
	fmt.Println("listening", listener.Addr())
	settings := []server.Option{server.WithListener(listener)}
	switch options.mode {
	case "unary", "bidi":
		return chat.NewServer(&chatting{}, settings...).Run()
	case "ttstream":
		return lines.NewServer(&talking{}, settings...).Run()
	case "mux":
		settings = append(settings, server.WithMuxTransport())
	}
	return echo.NewServer(&echoing{}, settings...).Run()
}

func load(options options) error {
	switch options.mode {
	case "unary":
		return loadUnary(options)
	case "bidi":
		return loadStreams(options)
	case "ttstream":
		return loadLines(options)
	}
	return loadEcho(options)
}
