package main

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/bytedance/gopkg/cloud/metainfo"
	"github.com/cloudwego/kitex/pkg/remote/trans/nphttp2/metadata"
	"github.com/cloudwego/kitex/pkg/remote/trans/ttstream"
)

// Entries of a caller's own go over gRPC as metadata. Kitex has no metadata over TTHeader: there they go through its header handlers, which
// see the entries of the first frame. Integer keys are spelled "int-N" here.

type (
	outgoingKey struct{}
	incomingKey struct{}
)

// withEntries gives a context with which calls send the pairs, whatever carries them. The value of a key that ends in -bin is written in hex.
func withEntries(ctx context.Context, pairs [][2]string) context.Context {
	for i, pair := range pairs {
		if strings.HasSuffix(pair[0], "-bin") {
			raw, _ := hex.DecodeString(pair[1])
			pairs[i][1] = string(raw)
		}
		ctx = metadata.AppendToOutgoingContext(ctx, pairs[i][0], pairs[i][1])
	}
	return context.WithValue(ctx, outgoingKey{}, pairs)
}

// entries gives what came with a request, whatever carried it.
func entries(ctx context.Context) metadata.MD {
	if found, ok := ctx.Value(incomingKey{}).(metadata.MD); ok {
		return found
	}
	found, _ := metadata.FromIncomingContext(ctx)
	return found
}

// recordKey gives the key under which a handler records: it comes as metadata or, over TTHeader, as a persistent value of the same name,
// which gRPC spells in upper case.
func recordKey(ctx context.Context) string {
	if found := entries(ctx).Get("record"); len(found) > 0 {
		return found[0]
	}
	for _, name := range []string{"record", "RECORD"} {
		if found, ok := metainfo.GetPersistentValue(ctx, name); ok {
			return found
		}
	}
	return ""
}

type entriesWriter struct{}

func (entriesWriter) OnWriteStream(ctx context.Context) (ttstream.IntHeader, ttstream.StrHeader, error) {
	numbered, named := ttstream.IntHeader{}, ttstream.StrHeader{}
	pairs, _ := ctx.Value(outgoingKey{}).([][2]string)
	for _, pair := range pairs {
		if digits, found := strings.CutPrefix(pair[0], "int-"); found {
			number, err := strconv.ParseUint(digits, 10, 16)
			if err != nil {
				return nil, nil, err
			}
			numbered[uint16(number)] = pair[1]
		} else {
			named[pair[0]] = pair[1]
		}
	}
	return numbered, named, nil
}

type entriesReader struct{}

func (entriesReader) OnReadStream(ctx context.Context, numbered ttstream.IntHeader, named ttstream.StrHeader) (context.Context, error) {
	md := metadata.MD{}
	for key, value := range numbered {
		md["int-"+strconv.Itoa(int(key))] = []string{value}
	}
	for key, value := range named {
		md[key] = []string{value}
	}
	return context.WithValue(ctx, incomingKey{}, md), nil
}
