package queue

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// Names of the headers of a record. Its key is the lane, its value the unit.
const (
	headerLSN         = "lsn"   // 8 bytes, big endian
	headerIncarnation = "inc"   // left out if not known
	headerEpoch       = "epoch" // 8 bytes, big endian; left out if not known
)

// Kafka is the queue as one partition a lane of one topic.
//
// Each lane is read by one owner at a time, so there is no consumer group to
// rebalance; the drained position is committed under the group's name all the
// same, where operators' tools look for lag, and where the next owner starts.
type Kafka struct {
	opts     KafkaOptions
	producer *kgo.Client
	admin    *kadm.Client // on the producer's connections
	lanes    map[row.Lane]*partition
	ensured  atomic.Bool // the topic is known to be there
	closed   atomic.Bool
	life     context.Context // ends with Close
	end      context.CancelFunc
}

// partition is one lane.
type partition struct {
	lane   row.Lane
	number int32

	turn   chan struct{} // holds one token: taken by whoever uses reader
	reader *reader       // nil until the first Poll
	told   bool          // the reader's caller knows that the lane was empty
	whole  bool          // the next reader begins where the log begins

	mu        sync.Mutex
	delivered []place // handed out and not forgotten, LSNs and offsets ascending
	refused   row.Refusals
}

// place is where a record stands.
type place struct {
	lsn    row.LSN
	offset int64
}

// NewKafka makes a queue. It connects when it is first used; see Check.
func NewKafka(opts KafkaOptions) (*Kafka, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	producer, err := opts.producer()
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	life, end := context.WithCancel(context.Background())
	k := &Kafka{life: life, end: end, opts: opts, producer: producer, admin: kadm.NewClient(producer), lanes: make(map[row.Lane]*partition)}
	for i, lane := range opts.Lanes {
		p := &partition{lane: lane, number: int32(i), turn: make(chan struct{}, 1)}
		p.turn <- struct{}{}
		k.lanes[lane] = p
	}
	return k, nil
}

// partition finds a lane.
func (k *Kafka) partition(op string, lane row.Lane) (*partition, error) {
	p := k.lanes[lane]
	if p == nil {
		return nil, &row.Error{Op: op, Lane: lane, Kind: row.Permanent, Err: errors.New("the lane has no partition"),
			Hint: "lanes and their partitions are fixed at start: restart all proxies with the same configuration"}
	}
	return p, nil
}

// Publish writes the records and returns when all in-sync replicas have them.
// If it fails, some may be there, and some may still arrive.
func (k *Kafka) Publish(ctx context.Context, lane row.Lane, recs []wal.Record) error {
	const op = opPublish
	p, err := k.partition(op, lane)
	if err != nil {
		return err
	}
	if err := k.ensure(ctx); err != nil {
		return err
	}
	out := make([]*kgo.Record, len(recs))
	for i := range recs {
		out[i] = k.record(p, &recs[i])
		if size := recordBytes(out[i]); size > k.opts.MaxMessageBytes {
			return k.tooLarge(lane, recs[i].LSN, fmt.Errorf("the unit takes %d bytes, max_message_bytes is %d", size, k.opts.MaxMessageBytes))
		}
	}
	var results kgo.ProduceResults
	err = k.opts.Effects.Do(op, func() error {
		results = k.producer.ProduceSync(ctx, out...)
		return nil
	})
	if err != nil {
		return &row.Error{Op: op, Lane: lane, LSN: recs[0].LSN, Kind: row.Transient, Err: err}
	}
	for i, result := range results {
		switch {
		case result.Err == nil:
		case k.closed.Load():
			return ErrClosed
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(result.Err, kerr.MessageTooLarge):
			return k.tooLarge(lane, recs[i].LSN, result.Err)
		default:
			k.doubtTopic(result.Err)
			return &row.Error{Op: op, Lane: lane, LSN: recs[i].LSN, Kind: row.Transient, Hint: kafkaHint(result.Err), Err: result.Err}
		}
	}
	return nil
}

// record is a unit on its way to Kafka.
func (k *Kafka) record(p *partition, rec *wal.Record) *kgo.Record {
	r := &kgo.Record{
		Topic: k.opts.Topic, Partition: p.number, Key: []byte(p.lane), Value: rec.Data,
		Headers: []kgo.RecordHeader{{Key: headerLSN, Value: binary.BigEndian.AppendUint64(nil, uint64(rec.LSN))}},
	}
	if rec.Incarnation != "" {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: headerIncarnation, Value: []byte(rec.Incarnation)})
	}
	if rec.Epoch > 0 {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: headerEpoch, Value: binary.BigEndian.AppendUint64(nil, uint64(rec.Epoch))})
	}
	return r
}

// recordBytes is the size of what we put into a record.
func recordBytes(r *kgo.Record) int {
	n := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// decode is the inverse of record. ok is false for what is not this lane's,
// or not ours at all.
func decode(lane row.Lane, r *kgo.Record) (rec wal.Record, ok bool) {
	if string(r.Key) != string(lane) {
		return rec, false
	}
	rec.Data = r.Value
	for _, h := range r.Headers {
		switch h.Key {
		case headerLSN:
			if len(h.Value) == 8 {
				rec.LSN = row.LSN(binary.BigEndian.Uint64(h.Value))
			}
		case headerIncarnation:
			rec.Incarnation = string(h.Value)
		case headerEpoch:
			if len(h.Value) == 8 {
				rec.Epoch = row.Epoch(binary.BigEndian.Uint64(h.Value))
			}
		}
	}
	return rec, rec.LSN > 0
}

// Refuse refuses records of former owners.
func (k *Kafka) Refuse(lane row.Lane, refused row.Refusals) {
	if p := k.lanes[lane]; p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.refused = p.refused.Or(refused)
	}
}

// another is a partition of its own beside that of Poll, whose reader is not
// disturbed.
func (p *partition) another() *partition {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &partition{lane: p.lane, number: p.number, refused: p.refused}
}

// tooLarge is the one error of Publish that trying again does not cure.
func (k *Kafka) tooLarge(lane row.Lane, lsn row.LSN, err error) error {
	return &row.Error{Op: opPublish, Lane: lane, LSN: lsn, Kind: row.Permanent, Err: err, Hint: kafkaHint(kerr.MessageTooLarge)}
}

// doubtTopic makes the next use look for the topic again: it was deleted, and
// perhaps made anew. The producer holds on to the topic's old identity until it
// is told to forget it; a publish of another lane that is under way then fails
// and is tried again, as it would have without this.
func (k *Kafka) doubtTopic(err error) {
	if errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.InconsistentTopicID) {
		k.ensured.Store(false)
		k.producer.PurgeTopicsFromClient(k.opts.Topic)
	}
}

// Forget commits the position behind upto. Kafka itself drops records by
// their age or the log's size.
func (k *Kafka) Forget(ctx context.Context, lane row.Lane, upto row.LSN) error {
	const op = opForget
	p, err := k.partition(op, lane)
	if err != nil {
		return err
	}
	if k.closed.Load() {
		return ErrClosed
	}
	last, ok := p.lastUpTo(upto)
	if !ok {
		return nil
	}
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: k.opts.Topic, Partition: p.number, At: last.offset + 1, LeaderEpoch: -1, Metadata: position{p.lane, last.lsn}.String()})
	err = k.opts.Effects.Do(op, func() error {
		answers, err := k.admin.CommitOffsets(ctx, k.opts.GroupID, offsets)
		if err == nil {
			err = answers.Error()
		}
		return err
	})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &row.Error{Op: op, Lane: lane, LSN: upto, Kind: row.Transient, Hint: kafkaHint(err), Err: err}
	}
	p.dropUpTo(last.lsn)
	return nil
}

// Window is unlimited: Kafka is made to hold the backlog.
func (k *Kafka) Window() int { return 0 }

// Close ends all connections and returns when nobody is in Poll any more;
// calls that wait return ErrClosed.
func (k *Kafka) Close() error {
	if k.closed.Swap(true) {
		return nil
	}
	k.end()
	for _, p := range k.lanes {
		// The turn is kept: nobody opens a reader again.
		<-p.turn
		p.dropReader()
	}
	k.producer.Close()
	return nil
}

// deliver notes where a record that is handed out stands. After a seek it may
// be one that was handed out before.
func (p *partition) deliver(at place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.delivered)
	for n > 0 && (p.delivered[n-1].lsn >= at.lsn || p.delivered[n-1].offset >= at.offset) {
		n--
	}
	p.delivered = append(p.delivered[:n], at)
}

// lastUpTo is the place of the highest record handed out up to upto.
func (p *partition) lastUpTo(upto row.LSN) (at place, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.delivered {
		if d.lsn > upto {
			break
		}
		at, ok = d, true
	}
	return at, ok
}

// dropUpTo forgets places.
func (p *partition) dropUpTo(upto row.LSN) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.delivered) && p.delivered[n].lsn <= upto {
		n++
	}
	p.delivered = append([]place(nil), p.delivered[n:]...)
}

// placeOf is where a record stands that was handed out and not forgotten.
func (p *partition) placeOf(lsn row.LSN) (at place, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.delivered {
		if d.lsn == lsn {
			return d, true
		}
	}
	return place{}, false
}
