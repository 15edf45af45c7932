package queue

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/rzpsarthak13/shock-absorber/absorber/effect"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// KafkaOptions says where the topic is and what stands in it.
type KafkaOptions struct {
	Brokers []string // host:port of some of the brokers
	Topic   string
	GroupID string // under which the drained position is committed

	// Lanes in the order of their partitions: lane i is partition i. Append to
	// it; to move a lane would leave its records in another's partition.
	Lanes []row.Lane

	RequiredAcks    int // -1, all in-sync replicas, is the only one accepted
	MaxMessageBytes int // of one record, before compression; 0 = 1000000

	TLS  *tls.Config // nil = plain TCP
	SASL SASL

	// Timeout is how long Publish tries before it returns an error (which the
	// caller tries again), and how long a single request may take. At least
	// 1 s; 0 = 30 s.
	Timeout time.Duration
	Logger  *slog.Logger // nil = slog.Default()

	Effects effect.Hook // nil but in tests
}

// SASL is the login at the brokers; none while Mechanism is empty.
type SASL struct {
	Mechanism string // "plain", "scram-sha-256", "scram-sha-512"
	Username  string
	Password  string
}

// mechanism is the login as franz-go knows it, nil for none.
func (s SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "":
		return nil, nil
	case "plain":
		return plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism(), nil
	case "scram-sha-256":
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism(), nil
	case "scram-sha-512":
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism(), nil
	}
	return nil, fmt.Errorf("the SASL mechanism %q is not one of plain, scram-sha-256, scram-sha-512", s.Mechanism)
}

// complete checks the options and fills in defaults.
func (o *KafkaOptions) complete() error {
	switch {
	case len(o.Brokers) == 0:
		return errors.New("kafka: no brokers: give at least one host:port")
	case o.Topic == "":
		return errors.New("kafka: no topic")
	case o.GroupID == "":
		return errors.New("kafka: no group_id: the drained position is committed under it")
	case len(o.Lanes) == 0:
		return errors.New("kafka: no lanes: each needs its partition")
	case o.RequiredAcks != -1:
		return fmt.Errorf("kafka: required_acks is %d: with anything but -1 (all in-sync replicas) a broker's crash loses records that the relay takes for safe", o.RequiredAcks)
	case o.MaxMessageBytes < 0:
		return fmt.Errorf("kafka: max_message_bytes is %d", o.MaxMessageBytes)
	case o.Timeout != 0 && o.Timeout < time.Second:
		return fmt.Errorf("kafka: a timeout of %v is below one second", o.Timeout)
	}
	for i, lane := range o.Lanes {
		if slices.Contains(o.Lanes[:i], lane) {
			return fmt.Errorf("kafka: the lane %q stands twice in the list", lane)
		}
	}
	if o.MaxMessageBytes == 0 {
		o.MaxMessageBytes = 1000000
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Logger = o.Logger.With("component", "KAFKA")
	return nil
}

// metadataAge is how old the client's knowledge of topics may be when it asks
// the brokers again.
const metadataAge = 100 * time.Millisecond

// client is what producer, consumers and administration have in common.
func (o *KafkaOptions) client() ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(o.Brokers...),
		kgo.ClientID("shock-absorber"),
		kgo.WithLogger(kafkaLogger{o.Logger}),
		// A request that is retried in vain is given up in time for the caller
		// to say so.
		kgo.RetryTimeout(o.Timeout),
		kgo.RequestTimeoutOverhead(min(o.Timeout, 10*time.Second)),
		// Answers about topics are remembered for so long: a topic that was just
		// created, and a partition's new leader, should be found sooner than in 5 s.
		kgo.MetadataMinAge(metadataAge),
		kgo.DialTimeout(min(o.Timeout, 10*time.Second)),
	}
	if o.TLS != nil {
		opts = append(opts, kgo.DialTLSConfig(o.TLS))
	}
	login, err := o.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	if login != nil {
		opts = append(opts, kgo.SASL(login))
	}
	return opts, nil
}

// Client is how to connect to the brokers with these options, for tools that
// look at the topic by themselves.
func (o KafkaOptions) Client() ([]kgo.Opt, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	return o.client()
}

// batchOverhead is what a batch of one record takes beside key, value and
// headers, in bytes, rounded up: the batch's header is 61.
const batchOverhead = 256

// producer is the client that publishes: idempotent, all in-sync replicas, to
// the partition the record names.
func (o *KafkaOptions) producer() (*kgo.Client, error) {
	opts, err := o.client()
	if err != nil {
		return nil, err
	}
	return kgo.NewClient(append(opts,
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(int32(o.MaxMessageBytes+batchOverhead)),
		// The relay hands over whole batches and waits for each.
		kgo.ProducerLinger(0),
		kgo.RecordDeliveryTimeout(o.Timeout),
		// A publish that is given up may still arrive, and so arrive twice. The
		// reader skips repeats; what nobody could do is wait without end for a
		// broker that neither answers nor goes away.
		kgo.AllowIdempotentProduceCancellation(),
	)...)
}

// consumer is a client that reads one partition from an offset on.
func (o *KafkaOptions) consumer(partition int32, from int64) (*kgo.Client, error) {
	opts, err := o.client()
	if err != nil {
		return nil, err
	}
	return kgo.NewClient(append(opts,
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{o.Topic: {partition: kgo.NewOffset().At(from)}}),
		// When the log has lost what we were about to read, read all it has:
		// repeats are skipped and holes reported.
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(time.Second),
		kgo.FetchMaxBytes(8<<20),
		kgo.FetchMaxPartitionBytes(8<<20),
		kgo.MaxConcurrentFetches(1),
	)...)
}

// kafkaLogger hands the client's log to slog.
type kafkaLogger struct{ log *slog.Logger }

// Level asks the client for what slog would print.
func (l kafkaLogger) Level() kgo.LogLevel {
	switch {
	case l.log.Enabled(context.Background(), slog.LevelDebug):
		return kgo.LogLevelDebug
	default:
		return kgo.LogLevelWarn
	}
}

// Log writes one line. The client's keys hold topics, brokers and errors,
// never records or secrets.
func (l kafkaLogger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	levels := map[kgo.LogLevel]slog.Level{
		kgo.LogLevelError: slog.LevelError, kgo.LogLevelWarn: slog.LevelWarn, kgo.LogLevelInfo: slog.LevelDebug,
	}
	to, known := levels[level]
	if !known {
		to = slog.LevelDebug
	}
	l.log.Log(context.Background(), to, msg, keyvals...)
}
