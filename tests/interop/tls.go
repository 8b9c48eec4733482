package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"time"

	"github.com/cloudwego/gopkg/bufiox"
	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/remote/trans/gonet"
	"github.com/cloudwego/kitex/server"
)

// TLS says how a connection is secured: PEM files of whom to trust and what to show, each of which may be empty.
type TLS struct {
	CA   string `json:"ca"`
	Cert string `json:"cert"`
	Key  string `json:"key"`
}

func (t *TLS) load() (*tls.Config, error) {
	config := &tls.Config{NextProtos: []string{"h2"}}
	if t.CA != "" {
		text, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, errors.New(t.CA + ": no certificate")
		}
		config.RootCAs, config.ClientCAs = pool, pool
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// grpcOption secures connections over gRPC in Kitex's own way.
func (t *TLS) grpcOption() (client.Option, error) {
	config, err := t.load()
	if err != nil {
		return client.Option{}, err
	}
	config.ServerName = "127.0.0.1"
	return client.WithGRPCTLSConfig(config), nil
}

// options secure the connections of other transports, for which Kitex has no way of its own: by a dialer, with Go's network.
func (t *TLS) options() ([]client.Option, error) {
	config, err := t.load()
	if err != nil {
		return nil, err
	}
	return []client.Option{
		client.WithDialer(dialer{config}),
		client.WithTransHandlerFactory(gonet.NewCliTransHandlerFactory()),
	}, nil
}

// listen secures a server by its listener, with Go's network. With a CA, clients have to show a certificate of it.
func (t *TLS) listen(listener net.Listener) ([]server.Option, error) {
	config, err := t.load()
	if err != nil {
		return nil, err
	}
	if t.CA != "" {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return []server.Option{
		server.WithListener(tls.NewListener(listener, config)),
		server.WithTransServerFactory(gonet.NewTransServerFactory()),
		server.WithTransHandlerFactory(gonet.NewSvrTransHandlerFactory()),
	}, nil
}

type dialer struct{ config *tls.Config }

func (d dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: timeout}, network, address, d.config)
	if err != nil {
		return nil, err
	}
	return &buffered{Conn: conn, reader: bufiox.NewDefaultReader(conn), writer: bufiox.NewDefaultWriter(conn)}, nil
}

// buffered is a connection as Kitex's handlers on Go's network want it.
type buffered struct {
	net.Conn
	reader *bufiox.DefaultReader
	writer *bufiox.DefaultWriter
}

func (b *buffered) Reader() *bufiox.DefaultReader { return b.reader }

func (b *buffered) Writer() *bufiox.DefaultWriter { return b.writer }

func (b *buffered) Read(bytes []byte) (int, error) { return b.reader.Read(bytes) }
