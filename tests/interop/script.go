package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bytedance/gopkg/cloud/metainfo"
	"github.com/cloudwego/kitex/pkg/kerrors"
	"github.com/cloudwego/kitex/pkg/remote"
	"github.com/cloudwego/kitex/pkg/rpcinfo"
	"github.com/cloudwego/kitex/pkg/utils/kitexutil"
)

// script answers a text as interop.thrift says.
type script struct {
	// Written before answers that only give back the text.
	prefix string
	// Second.say on the next server; nil when there is none.
	hop    method
	pushed *pushes
}

func (s script) of(prefix string) script {
	s.prefix = prefix
	return s
}

// play gives the answer's text; nil without an error is no result.
func (s script) play(ctx context.Context, text string) (*string, error) {
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "boom":
		return nil, errors.New("boom")
	case "panic":
		panic("ouch")
	case "typed":
		return nil, remote.NewTransErrorWithMsg(1234, "typed")
	case "nil":
		return nil, nil
	case "biz":
		return nil, kerrors.NewBizStatusErrorWithExtra(404, "not found", map[string]string{"k": "<v>"})
	case "biz-plain":
		return nil, kerrors.NewBizStatusError(-7, "")
	case "biz-zero":
		return nil, kerrors.NewBizStatusError(0, "zero")
	case "sleep":
		millis, err := strconv.Atoi(rest)
		if err != nil {
			return nil, err
		}
		time.Sleep(time.Duration(millis) * time.Millisecond)
		return answered("slept "+rest, nil)
	case "big":
		size, err := strconv.Atoi(rest)
		if err != nil {
			return nil, err
		}
		return answered(strings.Repeat("x", size), nil)
	case "deadline":
		return answered(deadlineText(ctx), nil)
	case "wait":
		if _, found := ctx.Deadline(); !found {
			return answered("no deadline", nil)
		}
		<-ctx.Done()
		return nil, ctx.Err()
	case "who":
		return answered(who(ctx), nil)
	case "transport":
		name, _ := kitexutil.GetTransportProtocol(ctx)
		return answered(name, nil)
	case "meta":
		metainfo.SendBackwardValues(ctx, "back", "val", "Back_2", "")
		return answered(meta(ctx), nil)
	case "metaboom":
		metainfo.SendBackwardValues(ctx, "back", "val")
		return nil, errors.New("boom")
	case "hop", "hopset":
		return answered(s.playHop(ctx, word))
	case "pushed":
		if s.pushed.has(rest) {
			return answered("yes", nil)
		}
		return answered("no", nil)
	}
	return answered(s.prefix+text, nil)
}

func (s script) playHop(ctx context.Context, word string) (string, error) {
	own := meta(ctx)
	if word == "hopset" {
		ctx = metainfo.WithValue(ctx, "tra-K", "own")
		ctx = metainfo.DelPersistentValue(ctx, "drop")
	}
	if s.hop == nil {
		return "", errors.New("no next server")
	}
	ctx = metainfo.WithBackwardValues(ctx)
	answer, err := s.hop(ctx, "meta")
	if err != nil {
		return "", err
	}
	back := metainfo.RecvAllBackwardValues(ctx)
	return fmt.Sprintf("B %s C %s BACK back=%s", own, *answer, back["back"]), nil
}

func meta(ctx context.Context) string {
	return fmt.Sprintf("P %s T %s", pairs(metainfo.GetAllPersistentValues(ctx)), pairs(metainfo.GetAllValues(ctx)))
}

func deadlineText(ctx context.Context) string {
	at, found := ctx.Deadline()
	if !found {
		return "no deadline"
	}
	left := time.Until(at)
	for _, bound := range []int{1, 10, 100} {
		if left < time.Duration(bound)*time.Second {
			return fmt.Sprintf("deadline within %ds", bound)
		}
	}
	return "deadline far away"
}

func who(ctx context.Context) string {
	info := rpcinfo.GetRPCInfo(ctx)
	return fmt.Sprintf("from %s/%s service %s method %s",
		dash(info.From().ServiceName()), dash(info.From().Method()), dash(info.Invocation().ServiceName()), dash(info.Invocation().MethodName()))
}

func dash(word string) string {
	if word == "" {
		return "-"
	}
	return word
}

// pushes remembers what oneway calls brought.
type pushes struct {
	lock sync.Mutex
	seen map[string]bool
}

func (p *pushes) add(text string) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.seen[text] = true
}

func (p *pushes) has(text string) bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.seen[text]
}
