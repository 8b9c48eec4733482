package main

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cloudwego/kitex/pkg/rpcinfo"
	"github.com/cloudwego/kitex/pkg/serviceinfo"

	"kitewire.test/interop/kitex_gen/common"
	"kitewire.test/interop/kitex_gen/interop"
	"kitewire.test/interop/kitex_gen/interoppb"
)

type everythingHandler struct{ script script }

func (h *everythingHandler) Inherited(ctx context.Context, n *common.Note) (*common.Note, error) {
	return n, nil
}

func (h *everythingHandler) Types(ctx context.Context, value *interop.Types) (*interop.Types, error) {
	if err := sameTypes(value); err != nil {
		return nil, err
	}
	return value, nil
}

func (h *everythingHandler) Say(ctx context.Context, n *common.Note) (*common.Note, error) {
	return playNote(ctx, h.script, n)
}

func (h *everythingHandler) Fails(ctx context.Context, n *common.Note) (*common.Note, error) {
	switch n.Text {
	case "refused":
		why := "busy"
		return nil, &common.Refused{Code: 11, Why: &why}
	case "bare":
		return nil, &common.Refused{Code: 12}
	case "other":
		return nil, &common.Other{Text: "o"}
	}
	return n, nil
}

func (h *everythingHandler) Nothing(ctx context.Context, n *common.Note) error {
	_, err := h.script.play(ctx, n.Text)
	return err
}

func (h *everythingHandler) Ping(ctx context.Context) error { return nil }

func (h *everythingHandler) Refuses(ctx context.Context, n *common.Note) error {
	if n.Text == "refused" {
		why := "no"
		return &common.Refused{Code: 12, Why: &why}
	}
	return nil
}

func (h *everythingHandler) Sum(ctx context.Context, a int32, b int64) (int64, error) {
	return int64(a) + b, nil
}

func (h *everythingHandler) Swap(ctx context.Context, words map[string]string) (map[string]string, error) {
	swapped := make(map[string]string, len(words))
	for key, value := range words {
		swapped[value] = key
	}
	return swapped, nil
}

func (h *everythingHandler) Push(ctx context.Context, n *common.Note) error {
	h.script.pushed.add(n.Text)
	_, err := h.script.play(ctx, n.Text)
	return err
}

type secondHandler struct{ script script }

func (h *secondHandler) Say(ctx context.Context, n *common.Note) (*common.Note, error) {
	return playNote(ctx, h.script, n)
}

func (h *secondHandler) OnlySecond(ctx context.Context, n *common.Note) (*common.Note, error) {
	return n, nil
}

func playNote(ctx context.Context, script script, n *common.Note) (*common.Note, error) {
	answer, err := script.play(ctx, n.Text)
	if answer == nil {
		return nil, err
	}
	return &common.Note{Text: *answer}, err
}

// echoes is the handler of the Thrift services of the dispatch rows.
type echoes struct{ prefix string }

func (h *echoes) echo(n *common.Note) (*common.Note, error) {
	return &common.Note{Text: h.prefix + n.Text}, nil
}

func (h *echoes) Echo1(ctx context.Context, n *common.Note) (*common.Note, error) { return h.echo(n) }
func (h *echoes) Echo2(ctx context.Context, n *common.Note) (*common.Note, error) { return h.echo(n) }
func (h *echoes) EchoA(ctx context.Context, n *common.Note) (*common.Note, error) { return h.echo(n) }
func (h *echoes) EchoB(ctx context.Context, n *common.Note) (*common.Note, error) { return h.echo(n) }
func (h *echoes) EchoC(ctx context.Context, n *common.Note) (*common.Note, error) { return h.echo(n) }

type protoHandler struct{ script script }

func (h *protoHandler) Say(ctx context.Context, t *interoppb.Text) (*interoppb.Text, error) {
	answer, err := h.script.play(ctx, t.Text)
	if answer == nil {
		return nil, err
	}
	return &interoppb.Text{Text: *answer}, err
}

func (h *protoHandler) Types(ctx context.Context, value *interoppb.Scalars) (*interoppb.Scalars, error) {
	if err := sameScalars(value); err != nil {
		return nil, err
	}
	return value, nil
}

func (h *protoHandler) OnlyProto(ctx context.Context, t *interoppb.Text) (*interoppb.Text, error) {
	return t, nil
}

type echoesPb struct{ prefix string }

func (h *echoesPb) echo(t *interoppb.Text) (*interoppb.Text, error) {
	return &interoppb.Text{Text: h.prefix + t.Text}, nil
}

func (h *echoesPb) Echo1(ctx context.Context, t *interoppb.Text) (*interoppb.Text, error) {
	return h.echo(t)
}
func (h *echoesPb) EchoP(ctx context.Context, t *interoppb.Text) (*interoppb.Text, error) {
	return h.echo(t)
}

// answerUnknown is the unknown-service handler: it answers "unknown SERVICE METHOD CODEC BYTES" as the note or text that the caller waits for.
func answerUnknown(ctx context.Context, service, method string, request any) (any, error) {
	body, found := request.([]byte)
	if !found {
		return nil, fmt.Errorf("request is %T", request)
	}
	if rpcinfo.GetRPCInfo(ctx).Config().PayloadCodec() == serviceinfo.Protobuf {
		text := fmt.Sprintf("unknown %s %s protobuf %d", dash(service), method, len(body))
		return (&interoppb.Text{Text: text}).Marshal(nil)
	}
	text := fmt.Sprintf("unknown %s %s thrift %d", dash(service), method, len(body))
	// The result struct: field 0 is a struct whose field 1 is the text.
	answer := []byte{12, 0, 0, 11, 0, 1}
	answer = binary.BigEndian.AppendUint32(answer, uint32(len(text)))
	return append(append(answer, text...), 0, 0), nil
}
