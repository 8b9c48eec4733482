package main

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// exchange is one stream in both directions.
type exchange struct {
	send    func() error
	receive func() error
}

// drive lets each goroutine make one call after the other, and reports.
func drive(options options, call func() error) error {
	return share(options, func(_ int, calls *window, mine *histogram) error {
		for {
			start := time.Now()
			if !calls.admit(start) {
				return nil
			}
			if err := call(); err != nil {
				return err
			}
			calls.record(mine, start)
		}
	})
}

// driveStreams keeps a number of messages in flight on each stream, and reports. A message and its echo count as one
// call.
func driveStreams(options options, streams []exchange) error {
	return share(options, func(index int, calls *window, mine *histogram) error {
		stream := streams[index]
		started := make([]time.Time, 0, options.depth)
		for {
			for now := time.Now(); len(started) < options.depth && calls.admit(now); now = time.Now() {
				started = append(started, now)
				if err := stream.send(); err != nil {
					// Only receiving tells why.
					return errors.Join(err, stream.receive())
				}
			}
			if len(started) == 0 {
				return nil
			}
			if err := stream.receive(); err != nil {
				return err
			}
			calls.record(mine, started[0])
			started = append(started[:0], started[1:]...)
		}
	})
}

// share gives each part of the load a goroutine, waits for them and prints what came of it.
func share(options options, work func(index int, calls *window, mine *histogram) error) error {
	var (
		all     histogram
		failure error
		lock    sync.Mutex
		running sync.WaitGroup
	)
	calls := newWindow(options)
	go func() {
		time.Sleep(time.Until(calls.begin))
		fmt.Println("measuring")
	}()
	for index := range options.concurrency {
		running.Add(1)
		go func() {
			defer running.Done()
			mine := new(histogram)
			err := work(index, calls, mine)
			lock.Lock()
			defer lock.Unlock()
			all.add(mine)
			if err != nil {
				failure = err
			}
		}()
	}
	running.Wait()
	if failure != nil {
		return failure
	}
	seconds := time.Since(calls.begin).Seconds()
	if !calls.until.IsZero() {
		seconds = options.duration.Seconds()
	}
	fmt.Printf("{\"calls\":%d,\"seconds\":%.3f,\"qps\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
		all.total, seconds, float64(all.total)/seconds, all.quantileUs(0.5), all.quantileUs(0.99))
	return nil
}

func check(answer, message string, err error) error {
	if err != nil {
		return err
	}
	if len(answer) != len(message) {
		return errors.New("the answer is not the echo")
	}
	return nil
}
