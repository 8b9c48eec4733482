package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cloudwego/kitex/pkg/kerrors"
)

// downstream opens Streams.talk on the next server for the call being served, and sends the texts, which are parted by " | ".
func (t *turn) downstream(texts string) (flow, error) {
	if t.next == nil {
		return flow{}, errors.New("no next server")
	}
	next, err := callers.find("Streams", *t.next)
	if err != nil {
		return flow{}, err
	}
	stream, err := next.streams["talk"](t.ctx, "")
	if err != nil {
		return flow{}, err
	}
	for _, text := range strings.Split(texts, " | ") {
		if err := stream.send(text); err != nil {
			return flow{}, err
		}
	}
	return stream, nil
}

// relay gives on what the next server answers, to its end or error, which is the handler's own then.
func (t *turn) relay(texts string) error {
	stream, err := t.downstream(texts)
	if err != nil {
		return err
	}
	for {
		text, err := stream.recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			t.record("relay: " + err.Error())
			return err
		}
		if err := t.answer(text); err != nil {
			return err
		}
	}
}

// abandon leaves a stream to the next server behind, from which another goroutine still receives.
func (t *turn) abandon(texts string) error {
	stream, err := t.downstream(texts)
	if err != nil {
		return err
	}
	if _, err := stream.recv(); err != nil {
		return err
	}
	// The next handler has read all that was sent before this one's return ends it.
	asked := Wish{Dial: *t.next, Service: "Streams", Method: "plain", Text: "report " + t.key + " waits"}
	if told := strings.Join(callers.run(context.Background(), asked), " "); told != "got "+marked {
		return errors.New(told)
	}
	go func() {
		_, err := stream.recv()
		t.record("abandoned: " + printed(err))
	}()
	return nil
}

// linger leaves a goroutine behind that goes on with the handler's stream.
func (t *turn) linger(word string) error {
	if word == "linger-recv" && t.recv == nil {
		return errors.New("nothing to receive from")
	}
	go func() {
		var err error
		if word == "linger-recv" {
			_, err = t.recv()
		} else {
			time.Sleep(time.Second)
			err = t.answer("late")
		}
		t.record("late: " + printed(err))
	}()
	return nil
}

// class names the parent of a stream's error.
func class(err error) string {
	switch {
	case errors.Is(err, kerrors.ErrStreamingTimeout):
		return "timeout"
	case errors.Is(err, kerrors.ErrStreamingCanceled):
		return "canceled"
	case errors.Is(err, kerrors.ErrStreamingProtocol):
		return "protocol"
	}
	return "none"
}

// race cancels streams, one after the other, about when their first answer comes: each is asked the text and cancelled after a time between 0
// and the given microseconds. An idle stream of the same connection tells whether that went down with it.
func (a *attempt) race(open func() (flow, func(), error), rest string) error {
	var count, micros int
	var text string
	if _, err := fmt.Sscanf(rest, "%d %d", &count, &micros); err != nil {
		return err
	}
	text = strings.SplitN(rest, " ", 3)[2]
	idle, end, err := open()
	if err != nil {
		return err
	}
	answered, lost, other := 0, 0, ""
	for number := range count {
		stream, cancel, err := open()
		if err == nil {
			err = stream.send(text)
		}
		if err == nil {
			timer := time.AfterFunc(time.Duration(number*micros/count)*time.Microsecond, cancel)
			if _, err = stream.recv(); err == nil {
				answered++
			}
			for err == nil {
				_, err = stream.recv()
			}
			timer.Stop()
			cancel()
			if class(err) == "protocol" {
				other = err.Error()
			}
		}
		if err := echoed(idle); err != nil {
			lost++
			other = err.Error()
			end()
			if idle, end, err = open(); err != nil {
				return err
			}
		}
	}
	end()
	a.tell(fmt.Sprintf("%d cancels, %d after the answer, %d lost connections", count, answered, lost))
	if other != "" {
		a.tell("last: " + other)
	}
	return nil
}

func echoed(stream flow) error {
	if err := stream.send("echo"); err != nil {
		return err
	}
	_, err := stream.recv()
	return err
}
