package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/client/callopt"
	"github.com/cloudwego/kitex/client/callopt/streamcall"
	"github.com/cloudwego/kitex/pkg/remote/trans/nphttp2"
	"github.com/cloudwego/kitex/pkg/remote/trans/ttstream"
	"github.com/cloudwego/kitex/pkg/rpcinfo"
	"github.com/cloudwego/kitex/pkg/streaming"
	"github.com/cloudwego/kitex/pkg/transmeta"
	"github.com/cloudwego/kitex/transport"

	"kitewire.test/interop/kitex_gen/strangestreams/strangers"
	strangestreams "kitewire.test/interop/kitex_gen/strangestreams/streams"
	"kitewire.test/interop/kitex_gen/strangestreamspb/strangerspb"
	strangestreamspb "kitewire.test/interop/kitex_gen/strangestreamspb/streamspb"
	"kitewire.test/interop/kitex_gen/streams/others"
	"kitewire.test/interop/kitex_gen/streams/streams"
	"kitewire.test/interop/kitex_gen/streamspb/otherspb"
	"kitewire.test/interop/kitex_gen/streamspb/streamspb"
)

// A caller can do what the services have in common, in the terms of texts.
type caller struct {
	unary map[string]unaryCall
	// collect, watch and talk.
	streams map[string]streamCall
}

type (
	unaryCall  func(ctx context.Context, text string, options ...callopt.Option) (string, error)
	streamCall func(ctx context.Context, text string, options ...streamcall.Option) (flow, error)
)

// A flow is the client's end of a stream.
type flow struct {
	streaming.ClientStream
	send func(text string) error
	recv func() (string, error)
}

func flowOf[M any](ctx context.Context, lines lines[M], stream streaming.ClientStream, err error) (flow, error) {
	if err != nil {
		return flow{}, err
	}
	return flow{
		ClientStream: stream,
		send:         func(text string) error { return stream.SendMsg(ctx, lines.wrap(text)) },
		recv: func() (string, error) {
			line := new(M)
			err := stream.RecvMsg(ctx, line)
			return lines.text(line), err
		},
	}, nil
}

func unaryOf[M any](lines lines[M], call func(context.Context, *M, ...callopt.Option) (*M, error)) unaryCall {
	return func(ctx context.Context, text string, options ...callopt.Option) (string, error) {
		answer, err := call(ctx, lines.wrap(text), options...)
		if err != nil {
			return "", err
		}
		return lines.text(answer), nil
	}
}

func upOf[M any, S streaming.ClientStream](lines lines[M], open func(context.Context, ...streamcall.Option) (S, error)) streamCall {
	return func(ctx context.Context, _ string, options ...streamcall.Option) (flow, error) {
		stream, err := open(ctx, options...)
		return flowOf(ctx, lines, stream, err)
	}
}

func downOf[M any, S streaming.ClientStream](lines lines[M], open func(context.Context, *M, ...streamcall.Option) (S, error)) streamCall {
	return func(ctx context.Context, text string, options ...streamcall.Option) (flow, error) {
		stream, err := open(ctx, lines.wrap(text), options...)
		return flowOf(ctx, lines, stream, err)
	}
}

func init() {
	// Kitex's newer stream interface has one text for each key; its own way to keep several values is this.
	nphttp2.HandleStreamingMetadataMultipleValues(func(_ string, values []string) string { return strings.Join(values, several) })
}

// several parts the values of one key.
const several = "\x1e\x1f\x1e"

const (
	// overTTHeader is the transport of streams that are not gRPC's.
	overTTHeader = "ttheader-streaming"
	// asGenerated leaves the transport to the generated code, which chooses that for streams, and framed Thrift for calls without one.
	asGenerated = "generated"
)

func (d Dial) streamOptions() ([]client.Option, error) {
	name := d.Caller
	if name == "" {
		name = "interop.caller"
	}
	options := []client.Option{
		client.WithHostPorts(d.Address),
		client.WithClientBasicInfo(&rpcinfo.EndpointBasicInfo{ServiceName: name}),
		client.WithConnectTimeout(5 * time.Second),
	}
	switch d.Transport {
	case overTTHeader:
		return d.ttheaderOptions(options)
	case asGenerated:
		return options, nil
	case "bare", "framed", "ttheader", "ttheader-framed":
		return d.options()
	}
	if d.TLS != nil {
		secured, err := d.TLS.grpcOption()
		if err != nil {
			return nil, err
		}
		options = append(options, secured)
	}
	return d.grpcOptions(options), nil
}

func (d Dial) grpcOptions(options []client.Option) []client.Option {
	options = append(options,
		// Generated Thrift code asks for TTHeader streaming; PurePayload takes that back.
		client.WithTransportProtocol(transport.PurePayload),
		client.WithTransportProtocol(transport.GRPC),
	)
	if d.HTTP2Meta {
		options = append(options, client.WithMetaHandler(transmeta.ClientHTTP2Handler))
	}
	if d.Connections > 0 {
		options = append(options, client.WithGRPCConnPoolSize(d.Connections))
	}
	return options
}

func (d Dial) ttheaderOptions(options []client.Option) ([]client.Option, error) {
	var streams []ttstream.ClientHandlerOption
	switch d.Pool {
	case "":
	case "multiplexed":
		size := int(d.Connections)
		streams = append(streams, ttstream.WithClientMuxConnPool(ttstream.MuxConnConfig{PoolSize: size, MaxIdleTimeout: time.Minute}))
	case "long":
		streams = append(streams, ttstream.WithClientLongConnPool(ttstream.LongConnConfig{MaxIdleTimeout: time.Minute}))
	case "short":
		streams = append(streams, ttstream.WithClientShortConnPool())
	default:
		return nil, fmt.Errorf("unknown pool %q", d.Pool)
	}
	if d.HeaderHandler {
		streams = append(streams, ttstream.WithClientHeaderFrameHandler(entriesWriter{}))
	}
	return append(options,
		client.WithRPCTimeout(30*time.Second),
		client.WithTransportProtocol(transport.TTHeader|transport.TTHeaderStreaming),
		// For calls without a stream.
		client.WithMetaHandler(transmeta.ClientTTHeaderHandler),
		client.WithTTHeaderStreamingOptions(client.WithTTHeaderStreamingTransportOptions(streams...)),
	), nil
}

// dialStreams makes a client for a service of the streaming IDL files. Services of strangestreams.thrift and strangestreamspb.proto are
// written with "strange." before them.
func dialStreams(service string, dial Dial) (caller, error) {
	options, err := dial.streamOptions()
	if err != nil {
		return caller{}, err
	}
	dest := dial.destination()
	if strings.HasPrefix(service, "strange.") {
		return dialStrange(service, dest, options)
	}
	switch service {
	case "Streams":
		c, err := streams.NewClient(dest, options...)
		if err != nil {
			return caller{}, err
		}
		return caller{
			unary: map[string]unaryCall{
				"unary": unaryOf(thriftLines, c.Unary), "plain": unaryOf(thriftLines, c.Plain), "quiet": quiet(c),
			},
			streams: map[string]streamCall{
				"collect": upOf(thriftLines, c.Collect), "watch": downOf(thriftLines, c.Watch), "talk": upOf(thriftLines, c.Talk),
			},
		}, nil
	case "Others":
		c, err := others.NewClient(dest, options...)
		if err != nil {
			return caller{}, err
		}
		return modes(unaryOf(thriftLines, c.Unary), upOf(thriftLines, c.Collect), downOf(thriftLines, c.Watch), upOf(thriftLines, c.Talk)), nil
	case "StreamsPb":
		c, err := streamspb.NewClient(dest, options...)
		if err != nil {
			return caller{}, err
		}
		return modes(unaryOf(protobufLines, c.Unary), upOf(protobufLines, c.Collect), downOf(protobufLines, c.Watch), upOf(protobufLines, c.Talk)), nil
	case "OthersPb":
		c, err := otherspb.NewClient(dest, options...)
		if err != nil {
			return caller{}, err
		}
		return modes(unaryOf(protobufLines, c.Unary), upOf(protobufLines, c.Collect), downOf(protobufLines, c.Watch), upOf(protobufLines, c.Talk)), nil
	}
	return caller{}, fmt.Errorf("unknown service %q", service)
}

func dialStrange(service, dest string, options []client.Option) (caller, error) {
	switch service {
	case "strange.Streams":
		c, err := strangestreams.NewClient(dest, options...)
		if err != nil {
			return caller{}, err
		}
		made := modes(unaryOf(thriftLines, c.Absent), upOf(thriftLines, c.AbsentCollect),
			downOf(thriftLines, c.AbsentWatch), upOf(thriftLines, c.AbsentTalk))
		made.streams["plain"] = upOf(thriftLines, c.Plain)
		return made, nil
	case "strange.Strangers":
		c, err := strangers.NewClient(dest, options...)
		if err != nil {
			return caller{}, err
		}
		return modes(unaryOf(thriftLines, c.Unary), upOf(thriftLines, c.Collect), downOf(thriftLines, c.Watch), upOf(thriftLines, c.Talk)), nil
	case "strange.StreamsPb":
		c, err := strangestreamspb.NewClient(dest, options...)
		if err != nil {
			return caller{}, err
		}
		return modes(unaryOf(strangeLines, c.Absent), upOf(strangeLines, c.AbsentCollect),
			downOf(strangeLines, c.AbsentWatch), upOf(strangeLines, c.AbsentTalk)), nil
	case "strange.StrangersPb":
		c, err := strangerspb.NewClient(dest, options...)
		if err != nil {
			return caller{}, err
		}
		return modes(unaryOf(strangeLines, c.Unary), upOf(strangeLines, c.Collect), downOf(strangeLines, c.Watch), upOf(strangeLines, c.Talk)), nil
	}
	return caller{}, fmt.Errorf("unknown service %q", service)
}

func modes(unary unaryCall, collect, watch, talk streamCall) caller {
	return caller{
		unary:   map[string]unaryCall{"unary": unary},
		streams: map[string]streamCall{"collect": collect, "watch": watch, "talk": talk},
	}
}

func quiet(c streams.Client) unaryCall {
	return func(ctx context.Context, text string, options ...callopt.Option) (string, error) {
		return "done", c.Quiet(ctx, thriftLines.wrap(text), options...)
	}
}
