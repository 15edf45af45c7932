package wal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// askTries is how often a call that may be repeated is sent when the network
// fails.
const askTries = 3

// ask runs a call that may be repeated, through the read pipe if it runs, and
// returns the reply. Errors are classified.
func (s *Store) ask(ctx context.Context, op string, c *call) (any, error) {
	c.op = op
	for try := 1; ; try++ {
		reply, err := s.askOnce(ctx, c)
		if err == nil {
			return reply, nil
		}
		var reject redis.Error
		if try == askTries || ctx.Err() != nil || errors.Is(err, ErrLost) || errors.Is(err, errStopped) || errors.As(err, &reject) {
			return nil, classify(op, c.lane.name, err)
		}
		if err := pause(ctx, time.Duration(try)*10*time.Millisecond); err != nil {
			return nil, classify(op, c.lane.name, err)
		}
		c = &call{op: c.op, lane: c.lane, script: c.script, keys: c.keys, args: c.args}
	}
}

// askOnce sends a call once. The pipe refuses when Run ends; then, as before
// Run, the call goes by itself, so that gates and leases can be given back
// during a shutdown.
func (s *Store) askOnce(ctx context.Context, c *call) (any, error) {
	if s.reads.running.Load() {
		_, err := s.reads.do(ctx, c)
		if err == nil {
			return c.reply, c.err
		}
		if !errors.Is(err, errStopped) {
			return nil, err
		}
		c = &call{op: c.op, lane: c.lane, script: c.script, keys: c.keys, args: c.args}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.sendReads([]*call{c})
	return c.reply, c.err
}

// admin runs a script that must also work on a suspect lane (open, recover,
// settle ...), by itself and not behind the reads.
func (s *Store) admin(ctx context.Context, op string, l *lane, sc *script, keys, args []any) (any, error) {
	var err error
	for try := 1; try <= askTries; try++ {
		before := s.scripts.loads.Load()
		var reply any
		reply, err = s.evalsha(ctx, op, sc, keys, args)
		if noScript(err) {
			if _, err = s.load(ctx, before); err == nil {
				reply, err = s.evalsha(ctx, op, sc, keys, args)
			}
		}
		var reject redis.Error
		if err == nil {
			return reply, nil
		}
		if errors.As(err, &reject) || ctx.Err() != nil {
			break
		}
		if perr := pause(ctx, time.Duration(try)*10*time.Millisecond); perr != nil {
			err = perr
			break
		}
	}
	return nil, classify(op, l.name, err)
}

// evalsha runs a script by itself.
func (s *Store) evalsha(ctx context.Context, op string, sc *script, keys, args []any) (reply any, err error) {
	err = s.opts.Effects.Do(op, func() error {
		cmd := evalsha(ctx, sc, keys, args)
		_ = s.rdb.Process(ctx, cmd) // the command has the error
		reply, err = cmd.Result()
		return err
	})
	return reply, err
}

// exec sends a pipeline that is the effect of these labels. Each command has
// its own error.
func (s *Store) exec(ctx context.Context, pipe redis.Pipeliner, ops []string) {
	cmds := pipe.Cmds()
	err := s.opts.Effects.All(ops, func() error {
		_, _ = pipe.Exec(ctx)
		return nil
	})
	if err == nil {
		return
	}
	for _, c := range cmds {
		c.SetErr(err)
	}
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// decision turns a script's number into the error it stands for; nil if it is
// not a refusal.
func decision(op string, lane row.Lane, reply any) error {
	n, ok := reply.(int64)
	if !ok || n >= 0 {
		return nil
	}
	switch n {
	case ansConflict:
		return ErrConflict
	case ansGated:
		return ErrGated
	case ansStale:
		return ErrStaleTable
	case ansFull:
		return ErrFull
	case ansUnseeded:
		return ErrUnseeded
	case ansLocked:
		return ErrLocked
	case ansDeadlock:
		return ErrDeadlock
	case ansUnlocked:
		return ErrUnlocked
	case ansLost:
		return fmt.Errorf("%s: %w", op, ErrLost)
	case ansSuperseded:
		return &row.Error{Op: op, Lane: lane, Kind: row.Fenced, Err: errors.New("superseded by a later owner or unit")}
	}
	return unexpected(op, lane, reply)
}

// unexpected is the error for a reply that no script of this version gives.
func unexpected(op string, lane row.Lane, reply any) error {
	return &row.Error{Op: op, Lane: lane, Kind: row.Permanent, Err: fmt.Errorf("unexpected reply %v (%T)", reply, reply),
		Hint: "another program writes under this key prefix, or another version of this one"}
}

// parseLSN reads a decimal LSN of a reply.
func parseLSN(v any) (row.LSN, error) {
	s, ok := v.(string)
	if !ok {
		return 0, fmt.Errorf("%v (%T) is no LSN", v, v)
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return row.LSN(n), err
}
