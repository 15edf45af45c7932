package queue

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// refuseProduces makes a broker answer the next n produce requests with an error.
func refuseProduces(c *kfake.Cluster, code int16, n int64) (left *atomic.Int64) {
	left = &atomic.Int64{}
	left.Store(n)
	c.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if left.Add(-1) < 0 {
			return nil, nil, false
		}
		asked := req.(*kmsg.ProduceRequest)
		answer := asked.ResponseKind().(*kmsg.ProduceResponse)
		for _, t := range asked.Topics {
			told := kmsg.NewProduceResponseTopic()
			told.Topic, told.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				part := kmsg.NewProduceResponseTopicPartition()
				part.Partition, part.ErrorCode = p.Partition, code
				told.Partitions = append(told.Partitions, part)
			}
			answer.Topics = append(answer.Topics, told)
		}
		return answer, nil, true
	})
	return left
}

// A producer that is fenced, or that the brokers do not know any more, or that
// lacks replicas, is no end: the publish fails or is tried again by the client,
// and then goes through; nothing is missing and nothing out of order.
func TestKafkaProducerRefused(t *testing.T) {
	for _, e := range []*kerr.Error{
		kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.OutOfOrderSequenceNumber, kerr.UnknownProducerID, kerr.InvalidProducerIDMapping,
		kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.KafkaStorageError, kerr.ClusterAuthorizationFailed, kerr.TopicAuthorizationFailed,
	} {
		t.Run(e.Message, func(t *testing.T) {
			t.Parallel()
			c, err := kfake.NewCluster(kfake.NumBrokers(1))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			opts := kafkaOptions(t, c.ListenAddrs()[0])
			opts.Timeout = 2 * time.Second
			k := openKafka(t, opts)
			publish(t, k, laneA, 1, 5)
			left := refuseProduces(c, e.Code, 3)
			for deadline := time.Now().Add(hang); ; {
				err := k.Publish(t.Context(), laneA, units(laneA, 6, 10))
				if err == nil {
					break
				}
				var typed *row.Error
				if !errors.As(err, &typed) || typed.Kind != row.Transient || typed.Hint == "" {
					t.Fatalf("it is not a passing error with a hint: %v", err)
				}
				if time.Now().After(deadline) {
					t.Fatalf("%d refusals left: %v", left.Load(), err)
				}
			}
			if left.Load() > 0 {
				t.Errorf("%d refusals were not met", left.Load())
			}
			expect(t, k, laneA, 0, 10)
			publish(t, k, laneA, 11, 30)
			publish(t, k, laneB, 1, 5)
			expect(t, k, laneA, 10, 30)
			expect(t, openKafka(t, opts), laneB, 0, 5)
		})
	}
}

// Above finds what is anywhere in the log, and the next reader finds it too:
// also what was passed over before the position that was committed since.
func TestKafkaAbove(t *testing.T) {
	overKafka(t, func(t *testing.T, opts KafkaOptions) {
		k := openKafka(t, opts)
		above := func(after, want row.LSN) {
			t.Helper()
			if got, err := k.Above(t.Context(), laneA, after); err != nil || got != want {
				t.Errorf("above %d: %d, %v; want %d", after, got, err, want)
			}
		}
		above(0, 0)
		publish(t, k, laneA, 1, 2)
		publish(t, k, laneA, 8, 9)
		publish(t, k, laneA, 3, 4) // 8 and 9 stand before these
		publish(t, k, laneB, 5, 6)
		expect(t, k, laneA, 0, 4)
		forget(t, k, laneA, 4)
		above(0, 1)
		above(4, 8)
		above(8, 9)
		above(9, 0)
		fresh := openKafka(t, opts)
		// Without Above its reader would begin at the committed position, which is
		// behind 8, and wait.
		if got, err := fresh.Above(t.Context(), laneA, 7); err != nil || got != 8 {
			t.Fatalf("above 7: %d, %v", got, err)
		}
		expect(t, fresh, laneA, 7, 9)
	})
}

// Partitions change their leader, and a broker of three goes for good, while
// they are written and read: nothing is missing and nothing out of order, for
// whoever was connected and for who comes later.
func TestKafkaLeaderChanges(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(3))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	opts := kafkaOptions(t, "")
	opts.Brokers, opts.Timeout = c.ListenAddrs(), 2*time.Second
	k := openKafka(t, opts)
	read := make(chan error, 1)
	const total = 60
	go func() {
		after := row.LSN(0)
		for after < total {
			recs, err := k.Poll(t.Context(), laneA, after, 7)
			var typed *row.Error
			if errors.Is(err, ErrGap) || errors.As(err, &typed) && typed.Kind == row.Transient && t.Context().Err() == nil {
				continue // asked again until the records are there
			}
			if err != nil {
				read <- err
				return
			}
			for _, r := range recs {
				if after++; r.LSN != after {
					read <- fmt.Errorf("after %d came %d", after-1, r.LSN)
					return
				}
			}
		}
		read <- nil
	}()
	changes := 0
	for lsn := row.LSN(1); lsn <= total; lsn += 5 {
		for deadline := time.Now().Add(hang); ; {
			err := k.Publish(t.Context(), laneA, units(laneA, lsn, lsn+4))
			if err == nil {
				break
			}
			var typed *row.Error
			if !errors.As(err, &typed) || typed.Kind != row.Transient || time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
		for _, p := range c.PartitionInfos(opts.Topic) {
			next := (p.Leader + 1) % 3
			if lsn > total/2 { // of two brokers
				next = (p.Leader + 1) % 2
			}
			if err := c.MoveTopicPartition(opts.Topic, p.Partition, next); err != nil {
				t.Fatal(err)
			}
			changes++
		}
		if lsn == total/2+1 {
			if err := c.RemoveNode(2); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	if changes < 12 {
		t.Errorf("%d changes of a leader: the test shows little", changes)
	}
	forget(t, k, laneA, 30)
	opts.Brokers = c.ListenAddrs()
	expect(t, openKafka(t, opts), laneA, 30, total)
}
