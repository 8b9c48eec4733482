package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bytedance/gopkg/cloud/metainfo"
	"github.com/cloudwego/kitex/pkg/kerrors"
	"github.com/cloudwego/kitex/pkg/remote"
	"github.com/cloudwego/kitex/pkg/remote/trans/nphttp2/codes"
	"github.com/cloudwego/kitex/pkg/remote/trans/nphttp2/metadata"
	"github.com/cloudwego/kitex/pkg/remote/trans/nphttp2/status"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"kitewire.test/interop/kitex_gen/common"
)

// streamScript answers a text as streams.thrift says.
type streamScript struct {
	// Written before answers that only give back the text.
	prefix string
	// The next server; nil when there is none.
	next    *Dial
	records *records
}

func (s streamScript) of(prefix string) streamScript {
	s.prefix = prefix
	return s
}

// A turn is one handler's run.
type turn struct {
	streamScript
	ctx      context.Context
	response response
	answer   func(text string) error
	// nil where the request is one message.
	recv func() (string, error)
	// Sends the one answer; nil elsewhere.
	reply func() error
	key   string
}

func (s streamScript) turn(ctx context.Context, response response) *turn {
	turn := &turn{streamScript: s, ctx: ctx, response: response, key: recordKey(ctx)}
	turn.mark("begun")
	return turn
}

func (t *turn) record(line string) { t.records.add(t.key, line) }

// mark lets a report about the call with this word behind its key go on.
func (t *turn) mark(word string) { t.records.mark(t.key, word) }

// obey does what the text says; true ends the handler.
func (t *turn) obey(text string) (bool, error) {
	for _, command := range strings.Split(text, "; ") {
		word, rest, _ := strings.Cut(command, " ")
		if word == "return" {
			return true, nil
		}
		if word == "wait-end" || word == "wait-fail" {
			return true, t.waitShort(word)
		}
		if err := failure(word, rest); err != nil {
			return true, err
		}
		if err := t.do(command, word, rest); err != nil {
			return true, err
		}
	}
	return false, nil
}

// failure is the error that a word asks for.
func failure(word, rest string) error {
	switch word {
	case "boom":
		return errors.New("boom")
	case "panic":
		panic("ouch")
	case "typed":
		return remote.NewTransErrorWithMsg(1234, "typed")
	case "status":
		code, text, _ := strings.Cut(rest, " ")
		number, err := strconv.Atoi(code)
		if err != nil {
			return err
		}
		return status.Err(codes.Code(number), text)
	case "details":
		return detailed(9, "no money").Err()
	case "biz":
		return kerrors.NewBizStatusErrorWithExtra(404, "not found", map[string]string{"k": "<v>"})
	case "biz-plain":
		return kerrors.NewBizStatusError(-7, "")
	case "biz-empty":
		return kerrors.NewBizStatusErrorWithExtra(5, "empty", map[string]string{})
	case "biz-utf8":
		return kerrors.NewBizStatusErrorWithExtra(7, "né 50%", map[string]string{"k": "v<é>&"})
	case "biz-status":
		err := kerrors.NewGRPCBizStatusError(8, "no quota")
		err.(kerrors.GRPCStatusIface).SetGRPCStatus(detailed(8, "no quota"))
		return err
	case "declared":
		why := "busy"
		return &common.Refused{Code: 11, Why: &why}
	case "declared-bare":
		return &common.Refused{Code: 12}
	}
	return nil
}

func detailed(code int32, text string) *status.Status {
	detail := &anypb.Any{TypeUrl: "type.test/detail", Value: []byte{1, 2, 3}}
	return status.FromProto(&spb.Status{Code: code, Message: text, Details: []*anypb.Any{detail}})
}

func (t *turn) do(command, word, rest string) error {
	switch word {
	case "sleep":
		millis, err := strconv.Atoi(rest)
		time.Sleep(time.Duration(millis) * time.Millisecond)
		return err
	case "big":
		size, err := strconv.Atoi(rest)
		if err != nil {
			return err
		}
		return t.answer(strings.Repeat("x", size))
	case "many":
		count, err := strconv.Atoi(rest)
		if err != nil {
			return err
		}
		for number := range count {
			if err := t.answer(strconv.Itoa(number)); err != nil {
				return err
			}
		}
		return nil
	case "flood":
		count, size, _ := strings.Cut(rest, " ")
		text := strings.Repeat("x", number(size))
		for range number(count) {
			if err := t.answer(text); err != nil {
				return err
			}
		}
		return nil
	case "soon":
		time.Sleep(time.Duration(number(rest)) * time.Microsecond)
		return t.answer(command)
	case "empty":
		return t.answer("")
	case "size":
		return t.answer(fmt.Sprintf("%d bytes", len(rest)))
	case "header", "send-header", "trailer":
		return t.respond(word, rest)
	case "raw-header", "raw-trailer":
		return t.respondRaw(word, rest)
	case "wait", "wait-send":
		return t.wait(word)
	case "reply":
		return t.reply()
	case "relay":
		return t.relay(rest)
	case "abandon":
		return t.abandon(rest)
	case "linger", "linger-recv":
		return t.linger(word)
	case "backward":
		key, value, _ := strings.Cut(rest, " ")
		metainfo.SendBackwardValues(t.ctx, key, value)
		return nil
	}
	text, err := t.tell(command, word, rest)
	if err != nil {
		return err
	}
	return t.answer(text)
}

// tell gives the answer of a command that only has one.
func (t *turn) tell(command, word, rest string) (string, error) {
	switch word {
	case "metadata":
		return shown(entries(t.ctx), rest), nil
	case "meta":
		return meta(t.ctx), nil
	case "deadline":
		return deadlineText(t.ctx), nil
	case "who":
		return who(t.ctx), nil
	case "hop", "hop-stream":
		return t.hop(word)
	case "report":
		return t.records.wait(rest), nil
	}
	return t.prefix + command, nil
}

func (t *turn) respond(word, rest string) error {
	key, value, _ := strings.Cut(rest, " ")
	if strings.HasSuffix(key, "-bin") {
		raw, err := hex.DecodeString(value)
		if err != nil {
			return err
		}
		value = string(raw)
	}
	pair := map[string]string{key: value}
	switch word {
	case "header":
		return t.response.SetHeader(pair)
	case "trailer":
		return t.response.SetTrailer(pair)
	}
	return t.response.SendHeader(map[string]string{})
}

// respondRaw spells the key as it is given, which the newer interface of streams does not.
func (t *turn) respondRaw(word, rest string) error {
	key, value, _ := strings.Cut(rest, " ")
	response, found := t.response.(rawResponse)
	if !found {
		return errors.New("a stream lower-cases keys")
	}
	if word == "raw-trailer" {
		response.setRawTrailer(metadata.MD{key: {value}})
		return nil
	}
	return response.setRawHeader(metadata.MD{key: {value}})
}

// wait tells what a handler sees that is given up. It does not hurry: its caller's clock should be the first to tell the end.
func (t *turn) wait(word string) error {
	t.mark("waits")
	select {
	case <-t.ctx.Done():
	case <-time.After(20 * time.Second):
		return errors.New("nothing happened")
	}
	// The line is complete when it is recorded: a report may be waiting for it.
	line := "gone"
	err := t.ctx.Err()
	if word == "wait-send" {
		err = t.answer("late")
		line += ", send: " + printed(err)
	} else if t.recv != nil {
		_, err = t.recv()
		line += ", recv: " + printed(err)
	}
	t.record(line)
	time.Sleep(time.Second)
	return err
}

// waitShort returns as soon as the handler is given up.
func (t *turn) waitShort(word string) error {
	t.mark("waits")
	<-t.ctx.Done()
	if word == "wait-end" {
		return nil
	}
	return t.ctx.Err()
}

func (t *turn) hop(word string) (string, error) {
	if t.next == nil {
		return "", errors.New("no next server")
	}
	own := meta(t.ctx)
	wish := Wish{Dial: *t.next, Service: "Streams", Method: "unary", Text: "meta; metadata k-"}
	if word == "hop-stream" {
		wish.Method, wish.Steps = "talk", []string{"send " + wish.Text, "close", "drain"}
	}
	answer := callers.run(t.ctx, wish)
	return fmt.Sprintf("B %s C %s", own, strings.Join(answer, " ")), nil
}

func printed(err error) string {
	if err == nil {
		return "nothing"
	}
	if errors.Is(err, io.EOF) {
		return "end"
	}
	return err.Error()
}

// shown writes the metadata whose keys have the prefix in whatever case, sorted by key; -bin values in hex.
func shown(md metadata.MD, prefix string) string {
	var words []string
	for key, values := range md {
		if !strings.HasPrefix(strings.ToLower(key), prefix) {
			continue
		}
		if strings.HasSuffix(key, "-bin") {
			raw := make([]string, len(values))
			for i, value := range values {
				raw[i] = hex.EncodeToString([]byte(value))
			}
			values = raw
		}
		words = append(words, key+"="+strings.Join(values, "|"))
	}
	sort.Strings(words)
	return strings.Join(words, " ")
}

// marked is what a report about a mark answers.
const marked = "yes"

// records keeps what handlers saw, by the key that their call brought.
type records struct {
	lock  sync.Mutex
	lines map[string][]string
}

func (r *records) add(key, line string) {
	if key == "" {
		return
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	r.lines[key] = append(r.lines[key], line)
}

func (r *records) mark(key, word string) {
	if key == "" {
		return
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	r.lines[key+" "+word] = []string{marked}
}

func (r *records) wait(key string) string {
	for range 2000 {
		r.lock.Lock()
		lines := r.lines[key]
		r.lock.Unlock()
		if len(lines) > 0 {
			return strings.Join(lines, " / ")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "no record"
}
