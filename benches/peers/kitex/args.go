package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"time"
)

// options is the command line, the same for every peer of the measurement.
type options struct {
	role        string
	addr        string
	mode        string
	concurrency int
	depth       int
	payload     int
	warmup      time.Duration
	duration    time.Duration
	// calls, where not zero, is how many to make, instead of calling for a time.
	calls int64
}

func parse() (options, error) {
	if len(os.Args) < 2 {
		return options{}, fmt.Errorf("first argument: server or client")
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ContinueOnError)
	addr := flags.String("addr", "", "where to listen or to connect to")
	mode := flags.String("mode", "pingpong", "pingpong, mux, unary, bidi or ttstream")
	concurrency := flags.Int("concurrency", 1, "calls in flight, or open streams")
	depth := flags.Int("depth", 1, "messages in flight on each stream")
	payload := flags.Int("payload", 1024, "bytes in each direction")
	warmup := flags.Int("warmup-ms", 300, "milliseconds to call before counting")
	duration := flags.Int("duration-ms", 2000, "milliseconds to count")
	calls := flags.Int64("calls", 0, "make exactly so many calls, instead of warming up and counting for a time")
	if err := flags.Parse(os.Args[2:]); err != nil {
		return options{}, err
	}
	if !slices.Contains([]string{"pingpong", "mux", "unary", "bidi", "ttstream"}, *mode) {
		return options{}, fmt.Errorf("-mode: pingpong, mux, unary, bidi or ttstream, not %s", *mode)
	}
	return options{
		role:        os.Args[1],
		addr:        *addr,
		mode:        *mode,
		concurrency: *concurrency,
		depth:       *depth,
		payload:     *payload,
		warmup:      time.Duration(*warmup) * time.Millisecond,
		duration:    time.Duration(*duration) * time.Millisecond,
		calls:       *calls,
	}, nil
}
