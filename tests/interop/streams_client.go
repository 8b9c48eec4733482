package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bytedance/gopkg/cloud/metainfo"
	"github.com/cloudwego/kitex/client/callopt"
	"github.com/cloudwego/kitex/client/callopt/streamcall"
	"github.com/cloudwego/kitex/pkg/kerrors"
	"github.com/cloudwego/kitex/pkg/remote/trans/nphttp2"
	"github.com/cloudwego/kitex/pkg/remote/trans/nphttp2/metadata"
	"github.com/cloudwego/kitex/pkg/remote/trans/nphttp2/status"
	"github.com/cloudwego/kitex/pkg/streaming"

	"kitewire.test/interop/kitex_gen/common"
)

// Wish is one line of the standard input of `peer streams`: one call over gRPC, or over TTHeader. Calls run at once, beside each other.
type Wish struct {
	ID      uint64 `json:"id"`
	Dial    Dial   `json:"dial"`
	Service string `json:"service"`
	// A method with one request (unary, plain, quiet, watch) sends the text.
	Method string `json:"method"`
	Text   string `json:"text"`
	// What is done then, one after the other; see perform and, for the methods without a stream, callUnary.
	Steps      []string          `json:"steps"`
	Metadata   [][2]string       `json:"metadata"`
	Persistent map[string]string `json:"persistent"`
	Transient  map[string]string `json:"transient"`
	// The call's or stream's deadline.
	TimeoutMS     int `json:"timeout_ms"`
	RecvTimeoutMS int `json:"recv_timeout_ms"`
	// A recv timeout does not end the stream.
	KeepRemote bool `json:"keep_remote"`
	Gzip       bool `json:"gzip"`
	// Cancels a call without a stream as soon as its handler has marked this; see await.
	CancelWhen string `json:"cancel_when"`
	// The server whose handler is meant by await; nil is the one that is called.
	Awaits *Dial `json:"awaits"`
}

// Told is what a wish came to: a line for each step that has something to tell.
type Told struct {
	ID      uint64   `json:"id"`
	Lines   []string `json:"lines"`
	Elapsed int64    `json:"elapsed_ms"`
}

func runStreams() error {
	var running sync.WaitGroup
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var wish Wish
		if err := json.Unmarshal(lines.Bytes(), &wish); err != nil {
			return fmt.Errorf("bad wish %q: %w", lines.Text(), err)
		}
		running.Add(1)
		go func() {
			defer running.Done()
			started := time.Now()
			told := Told{ID: wish.ID, Lines: callers.run(context.Background(), wish)}
			told.Elapsed = time.Since(started).Milliseconds()
			say(told)
		}()
	}
	running.Wait()
	return lines.Err()
}

// dialled keeps a caller for each service and dial.
type dialled struct {
	lock  sync.Mutex
	known map[string]caller
}

var callers = dialled{known: map[string]caller{}}

func (d *dialled) find(service string, dial Dial) (caller, error) {
	d.lock.Lock()
	defer d.lock.Unlock()
	key := dial.key(service)
	if found, known := d.known[key]; known {
		return found, nil
	}
	made, err := dialStreams(service, dial)
	if err == nil {
		d.known[key] = made
	}
	return made, err
}

// run gives the lines that the wish came to; the wait for them has an end.
func (d *dialled) run(ctx context.Context, wish Wish) []string {
	caller, err := d.find(wish.Service, wish.Dial)
	if err != nil {
		return []string{"impossible: " + err.Error()}
	}
	attempt := &attempt{wish: wish}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if call := caller.unary[wish.Method]; call != nil {
			attempt.callUnary(ctx, call)
		} else if call := caller.streams[wish.Method]; call != nil {
			attempt.callStream(ctx, call)
		} else {
			attempt.tell("impossible: no method " + wish.Method)
		}
	}()
	select {
	case <-done:
	case <-time.After(40 * time.Second):
		attempt.tell("stuck")
	}
	return attempt.told()
}

// An attempt is a call that runs.
type attempt struct {
	wish  Wish
	lock  sync.Mutex
	lines []string
	// The last error that was told.
	last error
}

func (a *attempt) tell(line string) {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.lines = append(a.lines, line)
}

func (a *attempt) told() []string {
	a.lock.Lock()
	defer a.lock.Unlock()
	return append([]string{}, a.lines...)
}

func (a *attempt) context(ctx context.Context) context.Context {
	for key, value := range a.wish.Persistent {
		ctx = metainfo.WithPersistentValue(ctx, key, value)
	}
	for key, value := range a.wish.Transient {
		ctx = metainfo.WithValue(ctx, key, value)
	}
	return withEntries(ctx, a.wish.Metadata)
}

// callUnary makes the call and tells its answer; the steps header, trailer and backward come after it.
func (a *attempt) callUnary(ctx context.Context, call unaryCall) {
	var header, trailer metadata.MD
	ctx = nphttp2.GRPCTrailer(nphttp2.GRPCHeader(a.context(ctx), &header), &trailer)
	ctx = metainfo.WithBackwardValues(ctx)
	if a.wish.CancelWhen != "" {
		cancellable, cancel := context.WithCancel(ctx)
		go a.cancelWhen(a.wish.CancelWhen, cancel)
		ctx = cancellable
	}
	var options []callopt.Option
	if a.wish.TimeoutMS > 0 {
		options = append(options, callopt.WithRPCTimeout(time.Duration(a.wish.TimeoutMS)*time.Millisecond))
	}
	if a.wish.Gzip {
		options = append(options, callopt.WithGRPCCompressor("gzip"))
	}
	answer, err := call(ctx, a.wish.Text, options...)
	a.tell(received(answer, err))
	for _, step := range a.wish.Steps {
		switch step {
		case "header":
			a.tell("header " + shown(header, "k-"))
		case "trailer":
			a.tell("trailer " + shown(trailer, "k-"))
		case "backward":
			a.tell("backward " + pairs(metainfo.RecvAllBackwardValues(ctx)))
		}
	}
}

func (a *attempt) callStream(ctx context.Context, open streamCall) {
	ctx, cancel := context.WithCancel(a.context(ctx))
	defer cancel()
	if a.wish.TimeoutMS > 0 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(a.wish.TimeoutMS)*time.Millisecond)
		defer cancel()
		ctx = limited
	}
	var options []streamcall.Option
	if a.wish.RecvTimeoutMS > 0 {
		options = append(options, streamcall.WithRecvTimeoutConfig(streaming.TimeoutConfig{
			Timeout:             time.Duration(a.wish.RecvTimeoutMS) * time.Millisecond,
			DisableCancelRemote: a.wish.KeepRemote,
		}))
	}
	if a.wish.Gzip {
		options = append(options, streamcall.WithGRPCCompressor("gzip"))
	}
	if rest, found := strings.CutPrefix(strings.Join(a.wish.Steps, ""), "race "); found {
		again := func() (flow, func(), error) {
			ctx, cancel := context.WithCancel(ctx)
			stream, err := open(ctx, a.wish.Text, options...)
			return stream, cancel, err
		}
		if err := a.race(again, rest); err != nil {
			a.tell("race: " + described(err))
		}
		return
	}
	stream, err := open(ctx, a.wish.Text, options...)
	if err != nil {
		a.failed(err)
		a.tell("open: " + described(err))
		return
	}
	var pumping sync.WaitGroup
	for _, step := range a.wish.Steps {
		if step == "cancel" {
			cancel()
			continue
		}
		if mark, found := strings.CutPrefix(step, "cancel-when "); found {
			go a.cancelWhen(mark, cancel)
			continue
		}
		a.perform(stream, step, &pumping)
	}
	pumping.Wait()
}

// perform does one step:
//
//	send TEXT       sends a message
//	sends N TEXT    sends it N times
//	load N          sends N times the letter y
//	loads C N       sends that C times
//	pump N TEXT     sends it N times and half-closes, beside the next steps
//	close           half-closes
//	recv            receives
//	drain           receives to the end
//	count           receives to the end, telling only the number of messages
//	finish          half-closes and receives the one answer
//	header, trailer
//	class           tells the class of the last error of a stream over TTHeader
//	fail TEXT       sends it again and again until that fails
//	sleep N         waits N ms
//	await MARK      waits until the call's handler has made this mark: begun, waits
//
// and, which the caller of perform does,
//
//	cancel          cancels the call
//	cancel-when M   cancels it when the handler has made the mark, beside the next steps
//	race C N TEXT   alone: see race
func (a *attempt) perform(stream flow, step string, pumping *sync.WaitGroup) {
	word, rest, _ := strings.Cut(step, " ")
	ctx := stream.Context()
	switch word {
	case "send":
		a.sends(stream, 1, rest)
	case "sends":
		count, text, _ := strings.Cut(rest, " ")
		a.sends(stream, number(count), text)
	case "load":
		a.sends(stream, 1, strings.Repeat("y", number(rest)))
	case "loads":
		count, size, _ := strings.Cut(rest, " ")
		a.sends(stream, number(count), strings.Repeat("y", number(size)))
	case "pump":
		count, text, _ := strings.Cut(rest, " ")
		pumping.Add(1)
		go func() {
			defer pumping.Done()
			a.sends(stream, number(count), text)
			_ = stream.CloseSend(ctx)
		}()
	case "close":
		if err := stream.CloseSend(ctx); err != nil {
			a.tell("close: " + described(err))
		}
	case "finish":
		_ = stream.CloseSend(ctx)
		_ = a.receive(stream)
	case "recv":
		_ = a.receive(stream)
	case "drain":
		for more := true; more; {
			more = a.receive(stream) == nil
		}
	case "count":
		a.count(stream)
	case "header":
		header, err := stream.Header()
		a.metadata(word, header, err)
	case "trailer":
		trailer, err := stream.Trailer()
		a.metadata(word, trailer, err)
	case "class":
		a.tell("class " + class(a.last))
	case "fail":
		a.fail(stream, rest)
	case "sleep":
		time.Sleep(time.Duration(number(rest)) * time.Millisecond)
	case "await":
		a.await(rest)
	default:
		a.tell("impossible: " + step)
	}
}

func (a *attempt) sends(stream flow, count int, text string) {
	for range count {
		if err := stream.send(text); err != nil {
			a.failed(err)
			a.tell("send: " + described(err))
			return
		}
	}
}

// fail sends until the client has noticed that the stream is over.
func (a *attempt) fail(stream flow, text string) {
	for range 1000 {
		if err := stream.send(text); err != nil {
			a.failed(err)
			a.tell("send: " + described(err))
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	a.tell("send: nothing")
}

// await asks the server for the mark, and tells only what goes wrong with that.
func (a *attempt) await(mark string) {
	dial, key := a.wish.Dial, a.wish.Persistent["record"]
	if a.wish.Awaits != nil {
		dial = *a.wish.Awaits
	}
	for _, pair := range a.wish.Metadata {
		if pair[0] == "record" {
			key = pair[1]
		}
	}
	asked := Wish{Dial: dial, Service: "Streams", Method: "plain", Text: "report " + key + " " + mark}
	if told := strings.Join(callers.run(context.Background(), asked), " "); told != "got "+marked {
		a.tell("await: " + told)
	}
}

func (a *attempt) cancelWhen(mark string, cancel func()) {
	a.await(mark)
	cancel()
}

func (a *attempt) receive(stream flow) error {
	text, err := stream.recv()
	a.failed(err)
	a.tell(received(text, err))
	return err
}

func (a *attempt) failed(err error) {
	if err == nil {
		return
	}
	a.lock.Lock()
	defer a.lock.Unlock()
	a.last = err
}

func (a *attempt) count(stream flow) {
	for count := 0; ; count++ {
		if _, err := stream.recv(); err != nil {
			a.failed(err)
			a.tell(fmt.Sprintf("%d messages", count))
			a.tell(described(err))
			return
		}
	}
}

func (a *attempt) metadata(word string, values map[string]string, err error) {
	if err != nil {
		a.tell(word + ": " + described(err))
		return
	}
	md := metadata.MD{}
	for key, value := range values {
		md[key] = strings.Split(value, several)
	}
	a.tell(word + " " + shown(md, "k-"))
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return value
}

func received(text string, err error) string {
	if err != nil {
		return described(err)
	}
	if len(text) > 1000 {
		return fmt.Sprintf("got %d bytes", len(text))
	}
	return "got " + text
}

// described tells an error: what Go prints for it, and what it has beside that.
func described(err error) string {
	var refused *common.Refused
	if errors.Is(err, io.EOF) && err.Error() == "EOF" {
		return "end"
	}
	if errors.As(err, &refused) {
		return fmt.Sprintf("declared Refused %d %q", refused.Code, refused.GetWhy())
	}
	if business, found := kerrors.FromBizStatusError(err); found {
		line := fmt.Sprintf("business %d %q {%s}", business.BizStatusCode(), business.BizMessage(), pairs(business.BizExtra()))
		if carrier, found := business.(kerrors.GRPCStatusIface); found && carrier.GRPCStatus() != nil {
			line += fmt.Sprintf(" status %d%s", carrier.GRPCStatus().Code(), details(carrier.GRPCStatus()))
		}
		return line
	}
	if errors.Is(err, kerrors.ErrRPCTimeout) {
		return "timeout"
	}
	line := "error: " + err.Error()
	if status, found := status.FromError(err); found {
		line += details(status)
	}
	return line
}

func details(status *status.Status) string {
	line := ""
	for _, detail := range status.Proto().GetDetails() {
		line += fmt.Sprintf(" detail %s %s", detail.TypeUrl, hex.EncodeToString(detail.Value))
	}
	return line
}
