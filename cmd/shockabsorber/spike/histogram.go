package spike

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// subBits is how finely each power of two is divided: 64 parts, so a quantile
// is at most 1.6 % above the true one.
const subBits = 6

// histogram counts latencies; safe for concurrent use.
type histogram struct {
	buckets [(64 - subBits + 1) << subBits]atomic.Uint64
	count   atomic.Uint64
	max     atomic.Int64
}

// record counts one latency.
func (h *histogram) record(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucket(uint64(d))].Add(1)
	h.count.Add(1)
	for {
		old := h.max.Load()
		if int64(d) <= old || h.max.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// quantile returns a latency that at least the share q of all are not above;
// 0 if there are none.
func (h *histogram) quantile(q float64) time.Duration {
	total := h.count.Load()
	if total == 0 {
		return 0
	}
	rank := max(1, uint64(q*float64(total)+0.999999))
	var seen uint64
	for i := range h.buckets {
		if seen += h.buckets[i].Load(); seen >= rank {
			return min(time.Duration(upper(i)), time.Duration(h.max.Load()))
		}
	}
	return time.Duration(h.max.Load())
}

// bucket numbers the bucket of v: linear below 2^subBits, then subBits bits
// behind the leading one.
func bucket(v uint64) int {
	if v < 1<<subBits {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - subBits
	return (shift+1)<<subBits + int(v>>shift) - 1<<subBits
}

// upper is the largest value of a bucket.
func upper(i int) uint64 {
	if i < 1<<subBits {
		return uint64(i)
	}
	shift := i>>subBits - 1
	return (uint64(i&(1<<subBits-1))+1<<subBits+1)<<shift - 1
}

// Latency is a distribution in brief.
type Latency struct{ P50, P90, P99, Max time.Duration }

// latency sums h up.
func (h *histogram) latency() Latency {
	return Latency{h.quantile(0.50), h.quantile(0.90), h.quantile(0.99), time.Duration(h.max.Load())}
}
