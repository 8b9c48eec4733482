package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/bytedance/gopkg/cloud/metainfo"
	"github.com/cloudwego/kitex/client/callopt"
	"github.com/cloudwego/kitex/pkg/kerrors"
	"github.com/cloudwego/kitex/pkg/remote"

	"kitewire.test/interop/kitex_gen/common"
)

// Call is one line of the client's standard input. Calls run at once, beside each other; clients are kept for equal dials.
type Call struct {
	ID         uint64            `json:"id"`
	Dial       Dial              `json:"dial"`
	Service    string            `json:"service"`
	Method     string            `json:"method"`
	Text       string            `json:"text"`
	Persistent map[string]string `json:"persistent"`
	Transient  map[string]string `json:"transient"`
	// Timeout of this call alone, instead of the client's.
	TimeoutMS int `json:"timeout_ms"`
}

// Result is the line that a call ends with.
type Result struct {
	ID uint64 `json:"id"`
	// "value", "nothing" (no result), "declared", "business", "exception" (from the peer or numbered like one), "timeout", "failed"
	// or "stuck" (did not come back in time).
	Kind string `json:"kind"`
	// The answer's text; for an exception or a failure its text.
	Text string `json:"text"`
	// What Go prints for the error.
	Error string `json:"error,omitempty"`
	// The name of a declared exception.
	Name string `json:"name,omitempty"`
	// Type of an exception, code of a business error or of a declared exception.
	Code     int32             `json:"code"`
	Extra    map[string]string `json:"extra,omitempty"`
	Backward map[string]string `json:"backward,omitempty"`
	Elapsed  int64             `json:"elapsed_ms"`
}

func runClient() error {
	clients := &clients{known: map[string]map[string]method{}}
	var running sync.WaitGroup
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var call Call
		if err := json.Unmarshal(lines.Bytes(), &call); err != nil {
			return fmt.Errorf("bad call %q: %w", lines.Text(), err)
		}
		running.Add(1)
		go func() {
			defer running.Done()
			clients.run(call)
		}()
	}
	running.Wait()
	return lines.Err()
}

type clients struct {
	lock  sync.Mutex
	known map[string]map[string]method
}

func (c *clients) find(call Call) (method, error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	key := call.Dial.key(call.Service)
	table := c.known[key]
	if table == nil {
		made, err := methods(call.Service, call.Dial)
		if err != nil {
			return nil, err
		}
		c.known[key] = made
		table = made
	}
	found := table[call.Method]
	if found == nil {
		return nil, fmt.Errorf("%s has no method %q", call.Service, call.Method)
	}
	return found, nil
}

// run makes the call and prints its result. A lost reply can keep a Kitex call for ever, so the wait has an end of its own.
func (c *clients) run(call Call) {
	started := time.Now()
	done := make(chan Result, 1)
	go func() { done <- c.call(call) }()
	result := Result{Kind: "stuck"}
	select {
	case result = <-done:
	case <-time.After(20 * time.Second):
	}
	result.ID = call.ID
	result.Elapsed = time.Since(started).Milliseconds()
	say(result)
}

func (c *clients) call(call Call) Result {
	run, err := c.find(call)
	if err != nil {
		return Result{Kind: "failed", Text: err.Error(), Error: err.Error()}
	}
	ctx := metainfo.WithBackwardValues(context.Background())
	for key, value := range call.Persistent {
		ctx = metainfo.WithPersistentValue(ctx, key, value)
	}
	for key, value := range call.Transient {
		ctx = metainfo.WithValue(ctx, key, value)
	}
	var options []callopt.Option
	if call.TimeoutMS > 0 {
		options = append(options, callopt.WithRPCTimeout(time.Duration(call.TimeoutMS)*time.Millisecond))
	}
	answer, err := run(ctx, call.Text, options...)
	result := classify(answer, err)
	result.Backward = metainfo.RecvAllBackwardValues(ctx)
	return result
}

func classify(answer *string, err error) Result {
	if err == nil {
		if answer == nil {
			return Result{Kind: "nothing"}
		}
		return Result{Kind: "value", Text: *answer}
	}
	result := Result{Kind: "failed", Text: err.Error(), Error: err.Error()}
	var refused *common.Refused
	var other *common.Other
	var exception *remote.TransError
	if business, found := kerrors.FromBizStatusError(err); found {
		result.Kind, result.Code, result.Text, result.Extra = "business", business.BizStatusCode(), business.BizMessage(), business.BizExtra()
	} else if errors.As(err, &refused) {
		result.Kind, result.Name, result.Code, result.Text = "declared", "Refused", refused.Code, refused.GetWhy()
	} else if errors.As(err, &other) {
		result.Kind, result.Name, result.Text = "declared", "Other", other.Text
	} else if kerrors.IsTimeoutError(err) {
		result.Kind = "timeout"
	} else if errors.As(err, &exception) {
		result.Kind, result.Code, result.Text = "exception", exception.TypeID(), exception.Error()
	}
	return result
}
