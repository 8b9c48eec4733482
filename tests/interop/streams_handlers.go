package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cloudwego/kitex/pkg/generic"
	"github.com/cloudwego/kitex/pkg/remote/trans/nphttp2"
	"github.com/cloudwego/kitex/pkg/remote/trans/nphttp2/metadata"
	"github.com/cloudwego/kitex/pkg/streaming"

	"kitewire.test/interop/kitex_gen/streams"
	"kitewire.test/interop/kitex_gen/streamspb"
)

// streamsHandler serves Streams.
type streamsHandler struct{ play streamScript }

func (h *streamsHandler) Unary(ctx context.Context, line *streams.Line) (*streams.Line, error) {
	return playUnary(ctx, h.play, thriftLines, line)
}

func (h *streamsHandler) Plain(ctx context.Context, line *streams.Line) (*streams.Line, error) {
	return playUnary(ctx, h.play, thriftLines, line)
}

func (h *streamsHandler) Quiet(ctx context.Context, line *streams.Line) error {
	_, err := playUnary(ctx, h.play, thriftLines, line)
	return err
}

func (h *streamsHandler) Collect(ctx context.Context, stream streams.Streams_collectServer) error {
	return playCollect(ctx, h.play, thriftLines, stream)
}

func (h *streamsHandler) Watch(ctx context.Context, line *streams.Line, stream streams.Streams_watchServer) error {
	return playWatch(ctx, h.play, thriftLines, line, stream)
}

func (h *streamsHandler) Talk(ctx context.Context, stream streams.Streams_talkServer) error {
	return playTalk(ctx, h.play, thriftLines, stream)
}

// streamsPbHandler serves StreamsPb.
type streamsPbHandler struct{ play streamScript }

func (h *streamsPbHandler) Unary(ctx context.Context, line *streamspb.Line) (*streamspb.Line, error) {
	return playUnary(ctx, h.play, protobufLines, line)
}

func (h *streamsPbHandler) Collect(ctx context.Context, stream streamspb.StreamsPb_CollectServer) error {
	return playCollect(ctx, h.play, protobufLines, stream)
}

func (h *streamsPbHandler) Watch(ctx context.Context, line *streamspb.Line, stream streamspb.StreamsPb_WatchServer) error {
	return playWatch(ctx, h.play, protobufLines, line, stream)
}

func (h *streamsPbHandler) Talk(ctx context.Context, stream streamspb.StreamsPb_TalkServer) error {
	return playTalk(ctx, h.play, protobufLines, stream)
}

// othersHandler serves Others, whose streams have types of their own.
type othersHandler struct{ streamsHandler }

func (h *othersHandler) Collect(ctx context.Context, stream streams.Others_collectServer) error {
	return playCollect(ctx, h.play, thriftLines, stream)
}

func (h *othersHandler) Watch(ctx context.Context, line *streams.Line, stream streams.Others_watchServer) error {
	return playWatch(ctx, h.play, thriftLines, line, stream)
}

func (h *othersHandler) Talk(ctx context.Context, stream streams.Others_talkServer) error {
	return playTalk(ctx, h.play, thriftLines, stream)
}

// othersPbHandler serves OthersPb.
type othersPbHandler struct{ streamsPbHandler }

func (h *othersPbHandler) Collect(ctx context.Context, stream streamspb.OthersPb_CollectServer) error {
	return playCollect(ctx, h.play, protobufLines, stream)
}

func (h *othersPbHandler) Watch(ctx context.Context, line *streamspb.Line, stream streamspb.OthersPb_WatchServer) error {
	return playWatch(ctx, h.play, protobufLines, line, stream)
}

func (h *othersPbHandler) Talk(ctx context.Context, stream streamspb.OthersPb_TalkServer) error {
	return playTalk(ctx, h.play, protobufLines, stream)
}

func playUnary[M any](ctx context.Context, play streamScript, lines lines[M], line *M) (*M, error) {
	var answers []string
	turn := play.turn(ctx, unaryResponse{ctx})
	turn.answer = func(text string) error {
		answers = append(answers, text)
		return nil
	}
	if _, err := turn.obey(lines.text(line)); err != nil {
		return nil, err
	}
	return lines.wrap(strings.Join(answers, ",")), nil
}

func playWatch[M any](ctx context.Context, play streamScript, lines lines[M], line *M, stream streaming.ServerStreamingServer[M]) error {
	turn := play.turn(ctx, stream)
	turn.answer = func(text string) error { return stream.Send(ctx, lines.wrap(text)) }
	_, err := turn.obey(lines.text(line))
	return err
}

func playCollect[M any](ctx context.Context, play streamScript, lines lines[M], stream streaming.ClientStreamingServer[M, M]) error {
	var answers []string
	turn := play.turn(ctx, stream)
	turn.answer = func(text string) error {
		answers = append(answers, text)
		return nil
	}
	turn.recv = func() (string, error) {
		line, err := stream.Recv(ctx)
		return lines.text(line), err
	}
	replied := false
	turn.reply = func() error {
		replied = true
		return stream.SendAndClose(ctx, lines.wrap(strings.Join(answers, ",")))
	}
	if err := turn.loop(); err != nil || replied {
		return err
	}
	return turn.reply()
}

func playTalk[M any](ctx context.Context, play streamScript, lines lines[M], stream streaming.BidiStreamingServer[M, M]) error {
	turn := play.turn(ctx, stream)
	turn.answer = func(text string) error { return stream.Send(ctx, lines.wrap(text)) }
	turn.recv = func() (string, error) {
		line, err := stream.Recv(ctx)
		return lines.text(line), err
	}
	return turn.loop()
}

// loop obeys message by message, to the end or to a return.
func (t *turn) loop() error {
	for {
		text, err := t.recv()
		if errors.Is(err, io.EOF) {
			t.record("recv: end")
			return nil
		}
		if err != nil {
			t.record("recv: " + err.Error())
			return err
		}
		if returns, err := t.obey(text); returns || err != nil {
			return err
		}
	}
}

// response is what handlers of all modes can say beside messages.
type response interface {
	SetHeader(streaming.Header) error
	SendHeader(streaming.Header) error
	SetTrailer(streaming.Trailer) error
}

// unaryResponse reaches the stream that a unary call came on.
type unaryResponse struct{ ctx context.Context }

func (r unaryResponse) SetHeader(header streaming.Header) error {
	return nphttp2.SetHeader(r.ctx, metadata.New(header))
}

func (r unaryResponse) SendHeader(header streaming.Header) error {
	return nphttp2.SendHeader(r.ctx, metadata.New(header))
}

func (r unaryResponse) SetTrailer(trailer streaming.Trailer) error {
	return nphttp2.SetTrailer(r.ctx, metadata.New(trailer))
}

// rawResponse is what only unary handlers can say.
type rawResponse interface {
	setRawHeader(metadata.MD) error
	setRawTrailer(metadata.MD) error
}

func (r unaryResponse) setRawHeader(header metadata.MD) error {
	return nphttp2.SetHeader(r.ctx, header)
}

func (r unaryResponse) setRawTrailer(trailer metadata.MD) error {
	return nphttp2.SetTrailer(r.ctx, trailer)
}

// answerUnknownStream is the unknown-service handler of streams, which unary calls over gRPC are, too: it gives the first message back.
func answerUnknownStream(ctx context.Context, _, _ string, stream generic.BidiStreamingServer) error {
	request, err := stream.Recv(ctx)
	if err != nil {
		return err
	}
	body, found := request.([]byte)
	if !found {
		return fmt.Errorf("request is %T", request)
	}
	// Field 1 of the arguments of a unary method is a struct; field 0 of its result is, too.
	if bytes.HasPrefix(body, []byte{12, 0, 1}) {
		body = append([]byte{12, 0, 0}, body[3:]...)
	}
	return stream.Send(ctx, body)
}
