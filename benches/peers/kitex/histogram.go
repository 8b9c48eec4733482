package main

import (
	"math"
	"math/bits"
	"time"
)

const (
	stepBits = 6
	// buckets are enough for 2^40 ns, a quarter of an hour.
	buckets = 36 << stepBits
)

// histogram holds latencies in buckets that are at most 1.6 % wide.
type histogram struct {
	counts [buckets]uint64
	total  uint64
}

func (h *histogram) record(latency time.Duration) {
	h.counts[bucket(uint64(latency))]++
	h.total++
}

func (h *histogram) add(other *histogram) {
	for index, count := range other.counts {
		h.counts[index] += count
	}
	h.total += other.total
}

// quantileUs is the latency in microseconds that the given share of all calls stayed below.
func (h *histogram) quantileUs(part float64) float64 {
	wanted := uint64(math.Ceil(float64(h.total) * part))
	seen := uint64(0)
	for index, count := range h.counts {
		seen += count
		if seen >= wanted && seen > 0 {
			return middle(index) / 1000
		}
	}
	return 0
}

// bucket gives values below 64 a bucket each; above, each power of two is cut in 64.
func bucket(nanos uint64) int {
	shift := max(bits.Len64(nanos)-stepBits-1, 0)
	index := shift<<stepBits + int(nanos>>shift)
	return min(index, buckets-1)
}

func middle(index int) float64 {
	shift := max(index>>stepBits-1, 0)
	start := (index - shift<<stepBits) << shift
	return float64(start) + float64(uint64(1)<<shift)/2
}
