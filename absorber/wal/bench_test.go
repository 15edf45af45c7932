package wal

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// benchRedis is the server of the benchmarks: SHOCK_ABSORBER_BENCH_REDIS, or
// one that servertest starts.
func benchRedis(b *testing.B) redis.UniversalClient {
	addr := os.Getenv("SHOCK_ABSORBER_BENCH_REDIS")
	if addr == "" {
		addr = servertest.Redis(b, "--appendonly", "no").Addr
	}
	rdb, err := Dial(DialOptions{Endpoints: []string{addr}, PoolSize: 64})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := rdb.Close(); err != nil {
			b.Error(err)
		}
	})
	return rdb
}

// callers runs f b.N times, spread over n goroutines.
func callers(b *testing.B, n int, f func(caller, i int) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for c := range n {
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					return
				}
				if err := f(c, int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// benchStore opens a lane whose commits are sent by senders goroutines with
// size units in a script call.
func benchStore(b *testing.B, senders, size int) (*Store, row.Lane, TableState) {
	rdb := benchRedis(b)
	s := New(rdb, Options{Prefix: "bench" + randomHex(4)})
	s.commits = newPipe(senders, func(calls []*call) { s.sendUnits(calls, size, true, nil) })
	s.reads = newPipe(senders, s.sendReads)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := rdb.FlushDB(context.Background()).Err(); err != nil {
			b.Error(err)
		}
	})
	if _, err := s.Open(ctx, "l"); err != nil {
		b.Fatal(err)
	}
	infos, err := s.TableStates(ctx, "l", []string{"db.t"})
	if err != nil {
		b.Fatal(err)
	}
	return s, "l", infos[0].TableState
}

// benchImage is as long as a row of 12 columns.
var benchImage = make([]byte, 210)

// benchCommit is an INSERT of one row with a fresh key.
func benchCommit(lane row.Lane, st TableState, caller, i int) *Commit {
	key := row.Key(fmt.Sprintf("%d-%d", caller, i))
	im := make(row.Image, 12)
	for c := range im {
		im[c] = benchImage[:17]
	}
	return &Commit{
		Unit: &row.Unit{ID: row.UnitID{Writer: fmt.Sprint("w", caller), Seq: uint64(i)}, Lane: lane, AcceptedMs: 1e12,
			Mutations: []row.Mutation{{Table: "db.t", Key: key, Op: row.Insert, Schema: 1, Image: im}}},
		Gens:   map[string]uint64{"db.t": st.Gen},
		Reads:  []RowRead{{RowKey: RowKey{"db.t", key}}},
		Writes: []RowWrite{{RowKey: RowKey{"db.t", key}, Schema: 1, Image: benchImage}},
	}
}

// BenchmarkCommit compares how commits may share round trips, beside a plain
// XADD of the same size through the client's own pipelining.
func BenchmarkCommit(b *testing.B) {
	ctx := context.Background()
	for _, n := range []int{1, 16, 64, 256} {
		for _, how := range []struct{ senders, size int }{{1, 1}, {2, 1}, {1, 16}, {2, 16}, {1, 64}, {2, 64}, {3, 16}} {
			b.Run(fmt.Sprintf("callers=%d/senders=%d/units=%d", n, how.senders, how.size), func(b *testing.B) {
				s, lane, st := benchStore(b, how.senders, how.size)
				callers(b, n, func(c, i int) error {
					_, err := s.Commit(ctx, benchCommit(lane, st, c, i))
					return err
				})
			})
		}
		b.Run(fmt.Sprintf("callers=%d/autopipeline", n), func(b *testing.B) {
			s, lane, st := benchStore(b, 1, 1)
			ap, err := s.rdb.(*redis.Client).AutoPipeline()
			if err != nil {
				b.Fatal(err)
			}
			l, inc, _ := s.known("bench", lane)
			record, err := s.writerRecord(ctx, l)
			if err != nil {
				b.Fatal(err)
			}
			callers(b, n, func(c, i int) error {
				u, err := newCommitUnit(l, inc, record, benchCommit(lane, st, c, i))
				if err != nil {
					return err
				}
				cmd := (&commitGroup{calls: []*call{{lane: l, unit: u}}}).command(ctx, s.scripts.commit.Load())
				if err := ap.Process(ctx, cmd); err != nil {
					return err
				}
				return cmd.Err()
			})
		})
		b.Run(fmt.Sprintf("callers=%d/plain-xadd", n), func(b *testing.B) {
			rdb := benchRedis(b)
			p := newPipe(2, func(calls []*call) {
				pipe := rdb.Pipeline()
				for range calls {
					pipe.XAdd(ctx, &redis.XAddArgs{Stream: "bench-plain", Values: []any{"u", benchImage}})
				}
				_, err := pipe.Exec(ctx)
				for _, c := range calls {
					c.err = err
				}
			})
			benchPipe(b, p, n)
		})
	}
}

// benchPipe measures a pipe by itself.
func benchPipe(b *testing.B, p *pipe, n int) {
	ctx, stop := context.WithCancel(context.Background())
	s := &Store{reads: p, commits: newPipe(0, nil), watches: make(chan watch)}
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	callers(b, n, func(int, int) error {
		c := &call{}
		if _, err := p.do(ctx, c); err != nil {
			return err
		}
		return c.err
	})
	stop()
	if err := <-done; err != nil {
		b.Error(err)
	}
}

// BenchmarkRead compares Read with a plain pipelined GET of the same value.
func BenchmarkRead(b *testing.B) {
	ctx := context.Background()
	for _, n := range []int{1, 16, 64} {
		for _, senders := range []int{1, 2, 3} {
			b.Run(fmt.Sprintf("callers=%d/senders=%d", n, senders), func(b *testing.B) {
				s, lane, st := benchStore(b, senders, 16)
				var keys [100]RowKey
				for i := range keys {
					c := benchCommit(lane, st, 0, i+1)
					keys[i] = c.Writes[0].RowKey
					if _, err := s.Commit(ctx, c); err != nil {
						b.Fatal(err)
					}
				}
				callers(b, n, func(_, i int) error {
					rows, err := s.Read(ctx, lane, st, keys[i%100:i%100+1], true)
					if err == nil && !rows[0].Found {
						err = fmt.Errorf("row %d is not there", i%100)
					}
					return err
				})
			})
		}
		b.Run(fmt.Sprintf("callers=%d/plain-get", n), func(b *testing.B) {
			rdb := benchRedis(b)
			if err := rdb.Set(ctx, "bench-plain", benchImage, 0).Err(); err != nil {
				b.Fatal(err)
			}
			benchPipe(b, newPipe(2, func(calls []*call) {
				pipe := rdb.Pipeline()
				for range calls {
					pipe.Get(ctx, "bench-plain")
				}
				_, err := pipe.Exec(ctx)
				for _, c := range calls {
					c.err = err
				}
			}), n)
		})
	}
}
