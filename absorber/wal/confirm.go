package wal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// appendWait adds the command that waits for replicas or the file. The
// function it returns reports, after Exec, whether enough have confirmed.
func (s *Store) appendWait(ctx context.Context, pipe redis.Pipeliner) func() bool {
	ms := int(s.opts.DurableWait / time.Millisecond)
	if s.waitAOF.Load() {
		cmd := pipe.Do(ctx, "waitaof", 1, s.opts.Replicas, ms)
		return func() bool {
			n, err := cmd.Int64Slice()
			return err == nil && len(n) == 2 && n[0] >= 1 && n[1] >= int64(s.opts.Replicas)
		}
	}
	cmd := pipe.Do(ctx, "wait", s.opts.Replicas, ms)
	return func() bool {
		n, err := cmd.Int()
		return err == nil && n >= s.opts.Replicas
	}
}

// Confirmation is what a commit with Confirm waits for, as a Redis command; ""
// if none is configured. Check has to have looked first.
func (s *Store) Confirmation() string {
	switch {
	case s.opts.Replicas < 1:
		return ""
	case s.waitAOF.Load():
		return fmt.Sprintf("WAITAOF 1 %d", s.opts.Replicas)
	}
	return fmt.Sprintf("WAIT %d", s.opts.Replicas)
}

// slowFsync is how long files may take before it is worth a word.
const slowFsync = 100 * time.Millisecond

// checkConfirm looks whether enough replicas are there, and whether their files
// and the master's can be waited for.
func (s *Store) checkConfirm(ctx context.Context, op string) (string, error) {
	if s.opts.Replicas < 1 {
		return "", nil
	}
	if _, ok := s.rdb.(*redis.ClusterClient); ok {
		return "", refusedSetup(op, "durability with replicas on Redis Cluster", "use one master with replicas, or durability = \"kafka\"")
	}
	if err := s.awaitReplicas(ctx, op); err != nil {
		return "", err
	}
	s.waitAOF.Store(false)
	if !s.opts.Fsync {
		return "", nil
	}
	why, took, err := s.tryWaitAOF(ctx)
	if err != nil {
		return "", classify(op, "", err)
	}
	if why != "" {
		return "durability replica waits for the replicas' memory only (WAIT), since " + why + ": it survives the loss of the master, not a power cut of all machines at once", nil
	}
	s.waitAOF.Store(true)
	if took > slowFsync {
		return fmt.Sprintf("durability replica waits for the append-only files (WAITAOF), which took %v: with appendfsync always on master and replicas writes are answered sooner, with replica_fsync = false without the files",
			took.Round(time.Millisecond)), nil
	}
	return "", nil
}

// replicaWait is how long a replica that is connected may take to be in sync: a
// master waits for five seconds before it sends the first a copy.
const replicaWait = 10 * time.Second

// awaitReplicas returns when enough replicas are in sync.
func (s *Store) awaitReplicas(ctx context.Context, op string) error {
	for began := time.Now(); ; {
		info, err := s.info(ctx, "replication")
		if err != nil {
			return classify(op, "", err)
		}
		connected, err := strconv.Atoi(info["connected_slaves"])
		if err != nil { // a server that does not tell
			return nil
		}
		online := 0
		for i := range connected {
			if strings.Contains(info[fmt.Sprintf("slave%d", i)], "state=online") {
				online++
			}
		}
		switch {
		case online >= s.opts.Replicas:
			return nil
		case connected < s.opts.Replicas || time.Since(began) > replicaWait:
			return refusedSetup(op, fmt.Sprintf("Redis has %d replicas in sync of the %d that durability asks for", online, s.opts.Replicas), "attach replicas, or lower writeback.replicas")
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// tryWaitAOF writes a key and waits until the files have it. why says what
// keeps that from working.
func (s *Store) tryWaitAOF(ctx context.Context) (why string, took time.Duration, err error) {
	began := time.Now()
	pipe := s.rdb.Pipeline()
	pipe.Set(ctx, s.opts.Prefix+":probe", "1", time.Minute)
	cmd := pipe.Do(ctx, "waitaof", 1, s.opts.Replicas, int(s.opts.DurableWait/time.Millisecond))
	_, _ = pipe.Exec(ctx) // the command has its error
	n, err := cmd.Int64Slice()
	var reply redis.Error
	switch {
	case errors.As(err, &reply):
		return "Redis answers WAITAOF with " + reply.Error(), 0, nil
	case err != nil:
		return "", 0, err
	case len(n) != 2 || n[0] < 1:
		return "the master did not sync its append-only file", 0, nil
	case n[1] < int64(s.opts.Replicas):
		return fmt.Sprintf("%d replicas of %d have synced an append-only file", n[1], s.opts.Replicas), 0, nil
	}
	return "", time.Since(began), nil
}
