package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Headers of a record.
const (
	headerLSN         = "lsn"
	headerIncarnation = "inc"
	headerEpoch       = "epoch"
)

const (
	// maxQueued is how many units are compared with Kafka.
	maxQueued = 1 << 20
	// clocks is how far the clocks of proxies and brokers may be apart: the
	// search in Kafka begins by the time at which the oldest unit was accepted.
	clocks = 10 * time.Minute
	// fetchTime bounds one wait for records that must be there.
	fetchTime = 30 * time.Second
)

// queue compares the queue, in Kafka or in a stream of Redis, with the log:
// everything between the checkpoint and the relayed mark must be in it, with the
// same bytes.
func (a *auditor) queue(ctx context.Context, l *lane) ([]Finding, error) {
	if a.Kafka == nil && !a.Stream {
		return nil, nil
	}
	m, err := l.same(ctx)
	if err != nil {
		return nil, err
	}
	c, err := a.db.checkpoint(l.name)
	if err != nil {
		return nil, err
	}
	// Hashes of the units (checkpoint, relayed], 0 = not known.
	var logged []uint64
	oldest := time.Now()
	from := max(c.lsn, m.settled) + 1
	stop := errors.New("far enough")
	err = a.entries(ctx, l, from, func(e entry) error {
		if e.lsn > m.relayed || len(logged) == maxQueued {
			return stop
		}
		if len(logged) == 0 {
			if u, err := wal.Decode([]byte(e.data)); err == nil {
				oldest = time.UnixMilli(u.AcceptedMs)
			}
		}
		for uint64(len(logged))+from < e.lsn {
			logged = append(logged, 0)
		}
		logged = append(logged, maphash.String(sumSeed, e.data)|1)
		return nil
	})
	if err != nil && !errors.Is(err, stop) {
		return nil, err
	}
	if len(logged) == maxQueued {
		a.remark("lane %s: only the first %d pending units were compared with the queue", l.name, maxQueued)
	}
	q := &queued{a: a, l: l, refused: m.refused, from: from, logged: logged, found: make([]bool, len(logged))}
	if a.Stream {
		err = q.readStream(ctx)
	} else {
		err = q.readTopic(ctx, oldest.Add(-clocks))
	}
	if err != nil {
		return nil, err
	}
	return q.judge(ctx)
}

// queued is what the queue holds of a lane.
type queued struct {
	a       *auditor
	l       *lane
	refused row.Refusals
	from    uint64   // LSN of the first hash
	logged  []uint64 // of the log's units
	found   []bool   // whether the queue has them
	top     uint64   // highest LSN of this life in the queue
	out     []Finding
}

// readStream walks the lane's stream in Redis.
func (q *queued) readStream(ctx context.Context) error {
	stream := "sa:{" + string(q.l.name) + "}:queue"
	for from := "-"; ; {
		page, err := q.l.node.XRangeN(ctx, stream, from, "+", pageRows).Result()
		if err != nil {
			return fmt.Errorf("read %s: %w", stream, err)
		}
		if err := q.a.wait(ctx, "records of the stream", len(page)); err != nil {
			return err
		}
		for _, m := range page {
			num, _, _ := strings.Cut(m.ID, "-")
			lsn, err := strconv.ParseUint(num, 10, 64)
			data, ok := m.Values["d"].(string)
			if inc, _ := m.Values["i"].(string); err != nil || !ok || inc != "" && inc != q.l.incarnation {
				continue
			}
			text, _ := m.Values["e"].(string)
			epoch, _ := strconv.ParseUint(text, 10, 64) // 0: of a version that does not tell it
			q.note(lsn, epoch, []byte(data), "in "+stream)
		}
		if len(page) < pageRows {
			return nil
		}
		from = "(" + page[len(page)-1].ID
	}
}

// readTopic is read of Kafka's topic.
func (q *queued) readTopic(ctx context.Context, since time.Time) error {
	cl, err := kgo.NewClient(q.a.Kafka...)
	if err != nil {
		return err
	}
	defer cl.Close()
	if err := q.read(ctx, cl, since); err != nil {
		return fmt.Errorf("read %s: %w", q.a.Topic, err)
	}
	return nil
}

// read walks all partitions from an instant to their present end. A lane has
// one partition; its records name it.
func (q *queued) read(ctx context.Context, cl *kgo.Client, since time.Time) error {
	adm := kadm.NewClient(cl)
	starts, err := adm.ListOffsetsAfterMilli(ctx, since.UnixMilli(), q.a.Topic)
	if err != nil {
		return err
	}
	ends, err := adm.ListEndOffsets(ctx, q.a.Topic)
	if err != nil {
		return err
	}
	begin, left := map[int32]kgo.Offset{}, map[int32]int64{}
	ends.Each(func(e kadm.ListedOffset) {
		if e.Err != nil {
			err = e.Err
			return
		}
		s, ok := starts.Lookup(q.a.Topic, e.Partition)
		if ok && s.Offset >= 0 && s.Offset < e.Offset {
			begin[e.Partition], left[e.Partition] = kgo.NewOffset().At(s.Offset), e.Offset
		}
	})
	if err != nil || len(begin) == 0 {
		return err
	}
	opts := append(append([]kgo.Opt{}, q.a.Kafka...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{q.a.Topic: begin}), kgo.FetchMaxBytes(8<<20))
	reader, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer reader.Close()
	for len(left) > 0 {
		fctx, cancel := context.WithTimeout(ctx, fetchTime)
		fetches := reader.PollRecords(fctx, pageRows)
		cancel()
		if err := fetches.Err0(); err != nil {
			return err
		}
		for _, e := range fetches.Errors() {
			return e.Err
		}
		n := 0
		fetches.EachRecord(func(r *kgo.Record) {
			n++
			q.take(r)
			if end, open := left[r.Partition]; open && r.Offset+1 >= end {
				delete(left, r.Partition)
			}
		})
		if err := q.a.wait(ctx, "records of Kafka", n); err != nil {
			return err
		}
	}
	return nil
}

// take notes one record if it is the lane's, of this life.
func (q *queued) take(r *kgo.Record) {
	if string(r.Key) != string(q.l.name) {
		return
	}
	var lsn, epoch uint64
	for _, h := range r.Headers {
		switch {
		case h.Key == headerEpoch && len(h.Value) == 8:
			epoch = binary.BigEndian.Uint64(h.Value)
		case h.Key == headerLSN && len(h.Value) == 8:
			lsn = binary.BigEndian.Uint64(h.Value)
		case h.Key == headerIncarnation && string(h.Value) != q.l.incarnation:
			return
		}
	}
	q.note(lsn, epoch, r.Value, fmt.Sprintf("in Kafka (partition %d, offset %d)", r.Partition, r.Offset))
}

// note compares one record of this life with the log, unless it is of a unit that
// Redis has lost.
func (q *queued) note(lsn, epoch uint64, data []byte, where string) {
	if q.refused.Hold(row.LSN(lsn), row.Epoch(epoch)) {
		return
	}
	q.top = max(q.top, lsn)
	if lsn < q.from || lsn-q.from >= uint64(len(q.logged)) {
		return
	}
	at := lsn - q.from
	q.found[at] = true
	if want := q.logged[at]; want != 0 && want != maphash.Bytes(sumSeed, data)|1 {
		q.out = append(q.out, Finding{Kind: "queue_differs", Lane: q.l.name, LSN: row.LSN(lsn), Detail: fmt.Sprintf("unit %d has other bytes %s than in the log", lsn, where)})
	}
}

// judge compares with the marks as they are now.
func (q *queued) judge(ctx context.Context) ([]Finding, error) {
	c, err := q.a.db.checkpoint(q.l.name)
	if err != nil {
		return nil, err
	}
	m, err := q.l.same(ctx)
	if err != nil {
		return nil, err
	}
	if q.top > m.lsn {
		q.out = append(q.out, Finding{Kind: "queue_above_log", Lane: q.l.name, LSN: row.LSN(q.top), Detail: fmt.Sprintf("the queue has unit %d, the last LSN in Redis is %d", q.top, m.lsn)})
	}
	for at, ok := range q.found {
		if lsn := q.from + uint64(at); !ok && lsn > c.lsn && !q.a.enough(q.out) {
			q.out = append(q.out, Finding{Kind: "queue_gap", Lane: q.l.name, LSN: row.LSN(lsn), Detail: fmt.Sprintf("unit %d was relayed, is not in MySQL yet, and is not in the queue", lsn)})
		}
	}
	return q.out, nil
}
