package main

import (
	"sync/atomic"
	"time"
)

// window says which calls are made, and which of them count.
type window struct {
	begin time.Time
	// until is zero where a number of calls was asked for.
	until time.Time
	left  atomic.Int64
}

func newWindow(options options) *window {
	w := &window{begin: time.Now()}
	if options.calls > 0 {
		w.left.Store(options.calls)
		return w
	}
	w.begin = w.begin.Add(options.warmup)
	w.until = w.begin.Add(options.duration)
	return w
}

// admit says whether another call is wanted.
func (w *window) admit(now time.Time) bool {
	if w.until.IsZero() {
		return w.left.Add(-1) >= 0
	}
	return now.Before(w.until)
}

// record counts a call that began at start and has just ended, if it ended inside the window.
func (w *window) record(latencies *histogram, start time.Time) {
	end := time.Now()
	if w.until.IsZero() || !end.Before(w.begin) && end.Before(w.until) {
		latencies.record(end.Sub(start))
	}
}
