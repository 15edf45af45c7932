package queue

import (
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// BenchmarkCarry is one batch of 100 units of 300 bytes published, polled and
// forgotten; units/s is what one lane can carry when nothing overlaps.
func BenchmarkCarry(b *testing.B) {
	stores := map[string]func(b *testing.B) topQueue{
		"memory":    func(b *testing.B) topQueue { return closing(b, NewMemory()) },
		"miniredis": func(b *testing.B) topQueue { return redisStorage(b, miniredis.RunT(b).Addr())() },
		"redis":     func(b *testing.B) topQueue { return redisStorage(b, servertest.Redis(b).Addr)() },
		"kafka":     func(b *testing.B) topQueue { return kafkaStorage(b, servertest.Kafka(b))() },
	}
	for name, open := range stores {
		b.Run(name, func(b *testing.B) {
			q := open(b)
			const batch = 100
			recs := make([]wal.Record, batch)
			var after row.LSN
			for b.Loop() {
				for i := range recs {
					recs[i] = wal.Record{LSN: after + row.LSN(i) + 1, Data: make([]byte, 300), Incarnation: "0123456789abcdef"}
				}
				if err := q.Publish(b.Context(), laneA, recs); err != nil {
					b.Fatal(err)
				}
				for end := after + batch; after < end; {
					got, err := q.Poll(b.Context(), laneA, after, batch)
					if err != nil {
						b.Fatal(err)
					}
					after += row.LSN(len(got))
				}
				if err := q.Forget(b.Context(), laneA, after); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*batch/b.Elapsed().Seconds(), "units/s")
		})
	}
}
