// The echo service on Kitex: TTHeader and framed Thrift, pooled connections or one multiplexed connection.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/connpool"
	"github.com/cloudwego/kitex/pkg/klog"
	"github.com/cloudwego/kitex/server"
	"github.com/cloudwego/kitex/transport"

	echo "bench-kitex/kitex_gen/echo/echo"
)

type handler struct{}

func (*handler) Echo(_ context.Context, message string) (string, error) {
	return message, nil
}

func main() {
	runtime.GOMAXPROCS(1)
	klog.SetLevel(klog.LevelError)
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
	if options.mux {
		settings = append(settings, server.WithMuxTransport())
	}
	return echo.NewServer(&handler{}, settings...).Run()
}

func load(options options) error {
	settings := []client.Option{
		client.WithHostPorts(options.addr),
		client.WithTransportProtocol(transport.TTHeaderFramed),
	}
	if options.mux {
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
	calls := newWindow(options)
	go func() {
		time.Sleep(time.Until(calls.begin))
		fmt.Println("measuring")
	}()
	all, err := callAll(caller, options.concurrency, message, calls)
	if err != nil {
		return err
	}
	seconds := time.Since(calls.begin).Seconds()
	if !calls.until.IsZero() {
		seconds = options.duration.Seconds()
	}
	fmt.Printf("{\"calls\":%d,\"seconds\":%.3f,\"qps\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
		all.total, seconds, float64(all.total)/seconds, all.quantileUs(0.5), all.quantileUs(0.99))
	return nil
}

// callAll lets each goroutine make one call after the other until no more is wanted.
func callAll(caller echo.Client, concurrency int, message string, calls *window) (*histogram, error) {
	var (
		all     histogram
		failure error
		lock    sync.Mutex
		running sync.WaitGroup
	)
	for range concurrency {
		running.Add(1)
		go func() {
			defer running.Done()
			mine, err := callOn(caller, message, calls)
			lock.Lock()
			defer lock.Unlock()
			all.add(mine)
			if err != nil {
				failure = err
			}
		}()
	}
	running.Wait()
	return &all, failure
}

func callOn(caller echo.Client, message string, calls *window) (*histogram, error) {
	mine := new(histogram)
	for {
		start := time.Now()
		if !calls.admit(start) {
			return mine, nil
		}
		answer, err := caller.Echo(context.Background(), message)
		if err != nil {
			return mine, err
		}
		if len(answer) != len(message) {
			return mine, fmt.Errorf("the answer is not the echo")
		}
		end := time.Now()
		if calls.counts(end) {
			mine.record(end.Sub(start))
		}
	}
}
