package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/remote/codec"
	"github.com/cloudwego/kitex/pkg/rpcinfo"
	"github.com/cloudwego/kitex/pkg/transmeta"
	"github.com/cloudwego/kitex/transport"
)

// Dial says how a client reaches a server.
type Dial struct {
	Address string `json:"address"`
	// "bare", "framed", "ttheader" or "ttheader-framed". A Protobuf client is ttheader-framed, whatever it is told. For `peer streams`
	// also "grpc", "ttheader-streaming" or "generated".
	Transport string `json:"transport"`
	// Of streams over TTHeader: "multiplexed", "long" or "short"; empty is Kitex's own choice.
	Pool string `json:"pool"`
	// Of streams over TTHeader: install a header handler, by which entries of the user's go with the first frame.
	HeaderHandler bool `json:"header_handler"`
	// Connections of a multiplexed client; 0 is a client with a pool.
	Mux int `json:"mux"`
	// Connections over gRPC or of a multiplexed pool; 0 is Kitex's own choice.
	Connections uint32 `json:"connections"`
	// Install the TTHeader meta handler: service name, caller, timeout, business errors, crrst.
	Meta bool `json:"ttheader_meta"`
	// Install the HTTP/2 meta handler: names of caller and callee.
	HTTP2Meta bool   `json:"http2_meta"`
	CRC32C    bool   `json:"crc32c"`
	TimeoutMS int    `json:"timeout_ms"`
	Caller    string `json:"caller"`
	Dest      string `json:"dest"`
	// Secures the connections.
	TLS *TLS `json:"tls"`
}

func (d Dial) key(service string) string {
	text, _ := json.Marshal(d)
	return service + string(text)
}

func (d Dial) destination() string {
	if d.Dest == "" {
		return "interop.dest"
	}
	return d.Dest
}

func (d Dial) options() ([]client.Option, error) {
	caller := d.Caller
	if caller == "" {
		caller = "interop.caller"
	}
	timeout := time.Duration(d.TimeoutMS) * time.Millisecond
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	options := []client.Option{
		client.WithHostPorts(d.Address),
		client.WithClientBasicInfo(&rpcinfo.EndpointBasicInfo{ServiceName: caller}),
		client.WithRPCTimeout(timeout),
		client.WithConnectTimeout(5 * time.Second),
	}
	// Transports are added to the default, which is framed; PurePayload clears what was there.
	switch d.Transport {
	case "bare":
		options = append(options, client.WithTransportProtocol(transport.PurePayload))
	case "framed":
	case "ttheader":
		options = append(options,
			client.WithTransportProtocol(transport.PurePayload),
			client.WithTransportProtocol(transport.TTHeader))
	case "ttheader-framed":
		options = append(options, client.WithTransportProtocol(transport.TTHeaderFramed))
	default:
		return nil, fmt.Errorf("unknown transport %q", d.Transport)
	}
	if d.Mux > 0 {
		options = append(options, client.WithMuxConnection(d.Mux))
	}
	if d.Meta {
		options = append(options, client.WithMetaHandler(transmeta.ClientTTHeaderHandler))
	}
	if d.CRC32C {
		options = append(options, client.WithCodec(codec.NewDefaultCodecWithConfig(codec.CodecConfig{CRC32Check: true})))
	}
	if d.TLS != nil {
		secured, err := d.TLS.options()
		if err != nil {
			return nil, err
		}
		options = append(options, secured...)
	}
	return options, nil
}
