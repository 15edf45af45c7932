package spike

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A quantile lies between the true one and 1/64 above it.
func TestHistogramQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, math.MaxInt64), 1, 200).Draw(t, "values")
		var h histogram
		for _, v := range values {
			h.record(time.Duration(v))
		}
		slices.Sort(values)
		for _, q := range []float64{0, 0.5, 0.9, 0.99, 1} {
			rank := max(1, int(math.Ceil(q*float64(len(values)))))
			want, got := values[rank-1], int64(h.quantile(q))
			if got < want || float64(got-want) > float64(want)/64+1 {
				t.Fatalf("quantile %v of %v = %d, want about %d", q, values, got, want)
			}
		}
		if got := int64(h.latency().Max); got != values[len(values)-1] {
			t.Fatalf("max = %d", got)
		}
	})
}

func TestHistogramEmptyAndNegative(t *testing.T) {
	var h histogram
	if got := h.latency(); got != (Latency{}) {
		t.Errorf("empty: %+v", got)
	}
	h.record(-time.Second)
	if got := h.latency(); got != (Latency{}) {
		t.Errorf("negative: %+v", got)
	}
}

// The peak never exceeds what really came within a window, and finds a burst
// that fits between two samples.
func TestPeak(t *testing.T) {
	t0 := time.Unix(0, 0)
	at := func(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }
	p := peak{window: time.Second}
	for ms := 0; ms <= 3000; ms += 20 {
		count := int64(ms / 20) // 50 a second
		if ms >= 1510 {
			count += 30 // at once
		}
		p.add(at(ms-1), at(ms), count)
	}
	if p.most < 78 || p.most > 80 {
		t.Errorf("peak = %d, want 50 a second and 30 at once", p.most)
	}
	slow := peak{window: time.Second}
	slow.add(at(0), at(1), 0)
	slow.add(at(5000), at(5001), 1000)
	if slow.most != 0 {
		t.Errorf("peak over five seconds = %d", slow.most)
	}
}

func TestDiffFindsEveryColumn(t *testing.T) {
	want := makePayment("r", 7)
	if column := diff(want, makePayment("r", 7)); column != "" {
		t.Fatalf("a payment differs from itself in %s", column)
	}
	for column, change := range map[string]func(*payment){
		"id":         func(p *payment) { p.ID += "x" },
		"n":          func(p *payment) { p.N++ },
		"amount":     func(p *payment) { p.Amount = "1.0" },
		"currency":   func(p *payment) { p.Currency = "XXX" },
		"status":     func(p *payment) { p.Status = "" },
		"payer":      func(p *payment) { p.Payer = `{"vpa": 1}` },
		"meta":       func(p *payment) { p.Meta.Valid = false },
		"note":       func(p *payment) { p.Note.String += " " },
		"created_at": func(p *payment) { p.CreatedAt = "2025-12-17 00:00:00" },
	} {
		got := makePayment("r", 7)
		change(&got)
		if d := diff(want, got); d != column {
			t.Errorf("a change of %s shows as %q", column, d)
		}
	}
	if !sameJSON(`{"a": 1, "b": [1.50, null]}`, `{"b":[1.50,null],"a":1}`) || sameJSON(`{"a":1}`, `{"a":1} x`) ||
		sameJSON(`{"a": 1}`, `{"a": 2}`) || sameJSON(`{"a": 9007199254740993}`, `{"a": 9007199254740992}`) || sameJSON("", "") {
		t.Error("sameJSON")
	}
}
