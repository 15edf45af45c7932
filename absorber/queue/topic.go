package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Check reports whether the brokers answer and the topic is there, with
// partitions and message size enough, or could be created. It changes nothing.
func (k *Kafka) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, k.opts.Timeout)
	defer cancel()
	return k.settleTopic(ctx, true)
}

// ensure creates the topic, or adds partitions to it, the first time the
// queue is used.
func (k *Kafka) ensure(ctx context.Context) error {
	if k.closed.Load() {
		return ErrClosed
	}
	if k.ensured.Load() {
		return nil
	}
	if err := k.settleTopic(ctx, false); err != nil {
		return err
	}
	k.ensured.Store(true)
	return nil
}

// settleTopic compares the topic with what is needed. dry asks the brokers
// only whether they would.
func (k *Kafka) settleTopic(ctx context.Context, dry bool) error {
	meta, err := k.admin.Metadata(ctx, k.opts.Topic)
	if err != nil {
		return k.topicError(ctx, "metadata", err)
	}
	topic, known := meta.Topics[k.opts.Topic]
	switch {
	case !known || errors.Is(topic.Err, kerr.UnknownTopicOrPartition):
		return k.create(ctx, len(meta.Brokers), dry)
	case topic.Err != nil:
		return k.topicError(ctx, "metadata", topic.Err)
	}
	if n := len(k.opts.Lanes); len(topic.Partitions) < n {
		if err := k.widen(ctx, n, dry); err != nil {
			return err
		}
	}
	return k.checkSize(ctx)
}

// create makes the topic with a partition a lane, kept by up to three brokers
// of which all but one must have a record before it counts as written.
func (k *Kafka) create(ctx context.Context, brokers int, dry bool) error {
	replicas := int16(max(1, min(3, brokers)))
	insync := strconv.Itoa(max(1, int(replicas)-1))
	size := strconv.Itoa(k.opts.MaxMessageBytes + batchOverhead)
	policy := "delete"
	configs := map[string]*string{"cleanup.policy": &policy, "min.insync.replicas": &insync, "max.message.bytes": &size}
	call := k.admin.CreateTopics
	if dry {
		call = k.admin.ValidateCreateTopics
	}
	answers, err := call(ctx, int32(len(k.opts.Lanes)), replicas, configs, k.opts.Topic)
	if err == nil {
		err = answers.Error()
	}
	// Another proxy may have been faster.
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return k.topicError(ctx, "create", err)
	}
	if dry {
		return nil
	}
	return k.awaitTopic(ctx)
}

// awaitTopic returns when the new topic's partitions can be used: creation is
// answered before all brokers, and the client's memory, know of it.
func (k *Kafka) awaitTopic(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, k.opts.Timeout)
	defer cancel()
	tick := time.NewTicker(metadataAge / 2)
	defer tick.Stop()
	for {
		var err error
		for _, p := range k.lanes {
			if _, _, err = k.bounds(ctx, p); err != nil {
				break
			}
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return k.topicError(ctx, "create", err)
		case <-tick.C:
		}
	}
}

// widen gives the topic as many partitions as there are lanes.
func (k *Kafka) widen(ctx context.Context, lanes int, dry bool) error {
	call := k.admin.UpdatePartitions
	if dry {
		call = k.admin.ValidateUpdatePartitions
	}
	answers, err := call(ctx, lanes, k.opts.Topic)
	if err == nil {
		err = answers.Error()
	}
	// InvalidPartitions: another proxy has added them since we looked.
	if err != nil && (dry || !errors.Is(err, kerr.InvalidPartitions)) {
		return k.topicError(ctx, "add partitions to", err)
	}
	if dry {
		return nil
	}
	return k.awaitTopic(ctx)
}

// checkSize compares the topic's limit with ours: found out now, it is a line
// in the configuration; found out later, it is a record that cannot be queued.
func (k *Kafka) checkSize(ctx context.Context) error {
	configs, err := k.admin.DescribeTopicConfigs(ctx, k.opts.Topic)
	if err != nil {
		return k.topicError(ctx, "describe", err)
	}
	found, err := configs.On(k.opts.Topic, nil)
	if err == nil {
		err = found.Err
	}
	if errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.ClusterAuthorizationFailed) {
		// Not allowed to look. A record too large will be refused with a hint.
		return nil
	}
	if err != nil {
		return k.topicError(ctx, "describe", err)
	}
	for _, c := range found.Configs {
		if c.Key != "max.message.bytes" || c.Value == nil {
			continue
		}
		limit, err := strconv.Atoi(*c.Value)
		if err == nil && limit < k.opts.MaxMessageBytes {
			return &row.Error{Op: "queue.topic", Kind: row.Permanent,
				Err:  fmt.Errorf("the topic %s takes messages up to %d bytes, max_message_bytes is %d", k.opts.Topic, limit, k.opts.MaxMessageBytes),
				Hint: "raise max.message.bytes of the topic, or lower max_message_bytes in [writeback.kafka]"}
		}
	}
	return nil
}

// Copies tells how many brokers keep each record of the topic, and how many of
// them at least have one when it counts as written; 0, 0 if that cannot be seen
// (the topic is not there yet, or may not be described).
func (k *Kafka) Copies(ctx context.Context) (replicas, insync int, err error) {
	meta, err := k.admin.Metadata(ctx, k.opts.Topic)
	if err != nil {
		return 0, 0, k.topicError(ctx, "metadata", err)
	}
	configs, err := k.admin.DescribeTopicConfigs(ctx, k.opts.Topic)
	if err != nil {
		return 0, 0, k.topicError(ctx, "describe", err)
	}
	found, err := configs.On(k.opts.Topic, nil)
	if err != nil || found.Err != nil {
		return 0, 0, nil
	}
	for _, c := range found.Configs {
		if c.Key == "min.insync.replicas" && c.Value != nil {
			if insync, err = strconv.Atoi(*c.Value); err != nil {
				return 0, 0, k.topicError(ctx, "describe", err)
			}
		}
	}
	for _, p := range meta.Topics[k.opts.Topic].Partitions {
		if n := len(p.Replicas); replicas == 0 || n < replicas {
			replicas = n
		}
	}
	return replicas, insync, nil
}

// topicError names what was tried and says what to do about it.
func (k *Kafka) topicError(ctx context.Context, verb string, err error) error {
	// The caller's own cancellation, not the time limit of Check.
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return &row.Error{Op: "queue.topic", Kind: row.Transient, Hint: kafkaHint(err),
		Err: fmt.Errorf("%s topic %s at %v: %w", verb, k.opts.Topic, k.opts.Brokers, err)}
}

// kafkaHint says what an operator can do about an error of the brokers.
func kafkaHint(err error) string {
	hints := []struct {
		err  error
		hint string
	}{
		{kerr.TopicAuthorizationFailed, "the user needs CREATE, DESCRIBE, READ and WRITE on the topic"},
		{kerr.ClusterAuthorizationFailed, "the user needs CREATE on the cluster, or create the topic by hand with a partition a lane"},
		{kerr.GroupAuthorizationFailed, "the user needs READ on the consumer group group_id"},
		{kerr.SaslAuthenticationFailed, "check username and password in [writeback.kafka.sasl]"},
		{kerr.UnsupportedSaslMechanism, "the brokers do not offer this mechanism: see [writeback.kafka.sasl]"},
		{kerr.InvalidReplicationFactor, "create the topic by hand"},
		{kerr.PolicyViolation, "the brokers forbid it: create the topic by hand with a partition a lane"},
		{kerr.NotEnoughReplicas, "too few in-sync replicas: bring brokers back, or lower min.insync.replicas of the topic"},
		{kerr.MessageTooLarge, "raise max_message_bytes in [writeback.kafka], and max.message.bytes of the topic"},
		{io.EOF, "the broker closed the connection: check [writeback.kafka.tls] and [writeback.kafka.sasl]"},
		{context.DeadlineExceeded, "no broker answered in time: check brokers, [writeback.kafka.tls] and the network"},
	}
	for _, h := range hints {
		if errors.Is(err, h.err) {
			return h.hint
		}
	}
	return "check that the brokers run and that brokers in [writeback.kafka] names them"
}
