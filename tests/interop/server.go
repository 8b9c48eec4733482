package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/cloudwego/kitex/pkg/remote/codec"
	"github.com/cloudwego/kitex/pkg/remote/trans/nphttp2/grpc"
	"github.com/cloudwego/kitex/pkg/remote/trans/ttstream"
	"github.com/cloudwego/kitex/pkg/rpcinfo"
	"github.com/cloudwego/kitex/pkg/transmeta"
	"github.com/cloudwego/kitex/server"
	"github.com/cloudwego/kitex/server/genericserver"

	"kitewire.test/interop/kitex_gen/combined/combineservice"
	"kitewire.test/interop/kitex_gen/interop/everything"
	"kitewire.test/interop/kitex_gen/interop/second"
	"kitewire.test/interop/kitex_gen/interop/servicea"
	"kitewire.test/interop/kitex_gen/interop/serviceb"
	"kitewire.test/interop/kitex_gen/interop/servicec"
	"kitewire.test/interop/kitex_gen/interoppb/pba"
	"kitewire.test/interop/kitex_gen/interoppb/proto"
	"kitewire.test/interop/kitex_gen/streams/others"
	"kitewire.test/interop/kitex_gen/streams/streams"
	"kitewire.test/interop/kitex_gen/streamspb/otherspb"
	"kitewire.test/interop/kitex_gen/streamspb/streamspb"
)

// Config is the server's JSON argument.
type Config struct {
	// IDL names of the services, in the order of registration.
	Services []string `json:"services"`
	// The one of them that is the fallback service; may be empty.
	Fallback           string `json:"fallback"`
	RefuseWithoutName  bool   `json:"refuse_traffic_without_service_name"`
	UnknownHandler     bool   `json:"unknown_handler"`
	Mux                bool   `json:"multiplex_only"`
	Meta               bool   `json:"ttheader_meta"`
	CRC32C             bool   `json:"crc32c"`
	DeadlineFromHeader bool   `json:"deadline_from_header"`
	// Install the HTTP/2 meta handler.
	HTTP2Meta bool `json:"http2_meta"`
	// Install a header handler for streams over TTHeader, which reads the entries of the caller's own.
	HeaderHandler bool `json:"header_handler"`
	// How long a stop waits for handlers; 0 is Kitex's own choice.
	ExitWaitMS int `json:"exit_wait_ms"`
	// Over gRPC; 0 is Kitex's own choice: streams at once, time after which a quiet client is pinged, age of a connection.
	MaxStreams  uint32 `json:"max_streams"`
	KeepAliveMS int    `json:"keep_alive_ms"`
	MaxAgeMS    int    `json:"max_age_ms"`
	// The next server, for the texts hop, hopset and hop-stream.
	Next *Dial `json:"next"`
	// Secures the connections, which are ping-pong calls alone then.
	TLS *TLS `json:"tls"`
}

// Event is a line of the server's standard output: "listening" (with its address), "stopping" and "stopped" (with the time it took).
type Event struct {
	Event   string `json:"event"`
	Address string `json:"address,omitempty"`
	Elapsed int64  `json:"elapsed_ms"`
	Error   string `json:"error,omitempty"`
}

// serverName is what the server calls itself towards its own callees.
const serverName = "interop.server"

func runServer(arguments []string) error {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	text := flags.String("config", "{}", "what to serve, as JSON")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	var config Config
	if err := json.Unmarshal([]byte(*text), &config); err != nil {
		return fmt.Errorf("bad config: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := listener.Addr().String()
	svr, err := config.build(listener)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() {
		if err := svr.Run(); err != nil {
			failed <- err
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-time.After(50 * time.Millisecond):
	}
	say(Event{Event: "listening", Address: address})
	return obey(svr)
}

// obey stops the server at the line "stop" and returns when standard input ends.
func obey(svr server.Server) error {
	var once sync.Once
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if lines.Text() == "stop" {
			go once.Do(func() {
				started := time.Now()
				say(Event{Event: "stopping"})
				event := Event{Event: "stopped"}
				if err := svr.Stop(); err != nil {
					event.Error = err.Error()
				}
				event.Elapsed = time.Since(started).Milliseconds()
				say(event)
			})
		}
	}
	return lines.Err()
}

func (c Config) build(listener net.Listener) (server.Server, error) {
	hop, err := c.hop()
	if err != nil {
		return nil, err
	}
	options := c.options(listener)
	if c.TLS != nil {
		secured, err := c.TLS.listen(listener)
		if err != nil {
			return nil, err
		}
		options = append(options, secured...)
	}
	svr := server.NewServer(options...)
	base := &scripts{
		pingpong: script{hop: hop, pushed: &pushes{seen: map[string]bool{}}},
		streams:  streamScript{next: c.Next, records: &records{lines: map[string][]string{}}},
	}
	for _, name := range c.Services {
		var options []server.RegisterOption
		if name == c.Fallback {
			options = append(options, server.WithFallbackService())
		}
		if err := register(svr, name, base, options); err != nil {
			return nil, err
		}
	}
	if c.UnknownHandler {
		err := genericserver.RegisterUnknownServiceOrMethodHandler(svr, &genericserver.UnknownServiceOrMethodHandler{
			DefaultHandler:   answerUnknown,
			StreamingHandler: answerUnknownStream,
		})
		if err != nil {
			return nil, err
		}
	}
	return svr, nil
}

func (c Config) options(listener net.Listener) []server.Option {
	options := []server.Option{
		server.WithListener(listener),
		server.WithExitSignal(func() <-chan error { return make(chan error) }),
		server.WithServerBasicInfo(&rpcinfo.EndpointBasicInfo{ServiceName: serverName}),
		// Generated NewServer functions do this; without it unary Thrift calls over gRPC panic.
		server.WithCompatibleMiddlewareForUnary(),
	}
	if c.Meta {
		options = append(options, server.WithMetaHandler(transmeta.ServerTTHeaderHandler))
	}
	if c.Mux {
		options = append(options, server.WithMuxTransport())
	}
	if c.CRC32C {
		options = append(options, server.WithCodec(codec.NewDefaultCodecWithConfig(codec.CodecConfig{CRC32Check: true})))
	}
	if c.DeadlineFromHeader {
		options = append(options, server.WithEnableContextTimeout(true))
	}
	if c.HTTP2Meta {
		options = append(options, server.WithMetaHandler(transmeta.ServerHTTP2Handler))
	}
	if c.HeaderHandler {
		options = append(options, server.WithTTHeaderStreamingOptions(
			server.WithTTHeaderStreamingTransportOptions(ttstream.WithServerHeaderFrameHandler(entriesReader{}))))
	}
	if c.ExitWaitMS > 0 {
		options = append(options, server.WithExitWaitTime(time.Duration(c.ExitWaitMS)*time.Millisecond))
	}
	if c.MaxStreams > 0 {
		options = append(options, server.WithGRPCMaxConcurrentStreams(c.MaxStreams))
	}
	if c.KeepAliveMS > 0 || c.MaxAgeMS > 0 {
		options = append(options, server.WithGRPCKeepaliveParams(grpc.ServerKeepalive{
			Time:             time.Duration(c.KeepAliveMS) * time.Millisecond,
			Timeout:          2 * time.Second,
			MaxConnectionAge: time.Duration(c.MaxAgeMS) * time.Millisecond,
		}))
	}
	if c.RefuseWithoutName {
		options = append(options, server.WithRefuseTrafficWithoutServiceName())
	}
	return options
}

// hop makes the call of Second.say on the next server.
func (c Config) hop() (method, error) {
	if c.Next == nil || c.Next.Transport == "grpc" || c.Next.Transport == overTTHeader {
		return nil, nil
	}
	next := *c.Next
	next.Caller = serverName
	table, err := methods("Second", next)
	if err != nil {
		return nil, err
	}
	return table["say"], nil
}

// scripts are what the services of one server share.
type scripts struct {
	pingpong script
	streams  streamScript
}

func register(svr server.Server, name string, base *scripts, options []server.RegisterOption) error {
	switch name {
	case "Everything":
		return everything.RegisterService(svr, &everythingHandler{base.pingpong.of("")}, options...)
	case "Second":
		return second.RegisterService(svr, &secondHandler{base.pingpong.of("second:")}, options...)
	case "ServiceA":
		return servicea.RegisterService(svr, &echoes{"A:"}, options...)
	case "ServiceB":
		return serviceb.RegisterService(svr, &echoes{"B:"}, options...)
	case "ServiceC":
		return servicec.RegisterService(svr, &echoes{"C:"}, options...)
	case "CombineService":
		return combineservice.RegisterService(svr, &echoes{"comb:"}, options...)
	case "Proto":
		return proto.RegisterService(svr, &protoHandler{base.pingpong.of("")}, options...)
	case "PbA":
		return pba.RegisterService(svr, &echoesPb{"PbA:"}, options...)
	case "Streams":
		return streams.RegisterService(svr, &streamsHandler{base.streams.of("")}, options...)
	case "Others":
		return others.RegisterService(svr, &othersHandler{streamsHandler{base.streams.of("other:")}}, options...)
	case "StreamsPb":
		return streamspb.RegisterService(svr, &streamsPbHandler{base.streams.of("")}, options...)
	case "OthersPb":
		return otherspb.RegisterService(svr, &othersPbHandler{streamsPbHandler{base.streams.of("other:")}}, options...)
	}
	return fmt.Errorf("unknown service %q", name)
}
