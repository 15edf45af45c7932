package wal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
)

// unitsPerCall is how many units share one call of the commit script. More
// than one saves Redis the entry into the script; see BenchmarkCommit.
const unitsPerCall = 64

// errShort: a unit stands in Redis, but fewer replicas or files than asked for
// have confirmed it.
var errShort = errors.New("not enough replicas or files have confirmed the unit")

// evalsha makes the command for one script call.
func evalsha(ctx context.Context, sc *script, keys, args []any) *redis.Cmd {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, "evalsha", sc.sha, len(keys))
	all = append(append(all, keys...), args...)
	cmd := redis.NewCmd(ctx, all...)
	cmd.SetFirstKeyPos(3)
	return cmd
}

// sendCommits sends commits as one pipeline.
func (s *Store) sendCommits(calls []*call) {
	s.sendUnits(calls, unitsPerCall, true, nil)
}

// sendConfirmed is sendCommits for units that replicas must have: a WAIT
// follows them on the same connection and so covers all of them. They have
// senders of their own, since the WAIT holds up whatever shares the pipeline.
func (s *Store) sendConfirmed(calls []*call) {
	s.sendUnits(calls, unitsPerCall, true, s.appendWait)
}

// sendUnits sends commits with size units in a script call. retry is false
// for calls that are sent again because the server did not know the script;
// confirm, if not nil, adds what must confirm them.
func (s *Store) sendUnits(calls []*call, size int, retry bool, confirm func(context.Context, redis.Pipeliner) func() bool) {
	ctx := context.Background() // the client's own timeouts end it
	before := s.scripts.loads.Load()
	script := s.scripts.commit.Load()
	// After the look at the script: a lane that was closed by a restart was so
	// before the new script was there.
	if calls = open(calls); len(calls) == 0 {
		return
	}
	all := groups(calls, size)
	pipe := s.rdb.Pipeline()
	for _, g := range all {
		g.cmd = g.command(ctx, script)
		_ = pipe.Process(ctx, g.cmd) // only queues; the error is the command's
	}
	wait := func() bool { return true }
	if confirm != nil {
		wait = confirm(ctx, pipe)
	}
	s.exec(ctx, pipe, []string{opCommit})
	var again []*call
	for _, g := range all {
		if retry && noScript(g.cmd.Err()) {
			again = append(again, g.calls...)
			continue
		}
		g.answer()
	}
	if !wait() {
		for _, c := range calls {
			if n, ok := c.reply.(int64); c.err == nil && ok && n > 0 {
				c.err = errShort
			}
		}
	}
	if len(again) > 0 && s.reload(ctx, again, before) {
		s.sendUnits(again, size, false, confirm)
	}
}

// open refuses the calls whose lane was closed after Commit had looked at it, and
// returns the others.
func open(calls []*call) (others []*call) {
	for _, c := range calls {
		if c.lane.suspect.Load() {
			c.err = fmt.Errorf("redis was restarted or replaced: %w", ErrLost)
			continue
		}
		others = append(others, c)
	}
	return others
}

// reload loads the scripts for calls that were refused for lack of them, and
// reports whether to send them again. If the server is not the one it was,
// they get ErrLost.
func (s *Store) reload(ctx context.Context, again []*call, before int64) bool {
	restarted, err := s.load(ctx, before)
	if restarted {
		err = ErrLost
	}
	if err != nil {
		for _, c := range again {
			c.err = err
		}
	}
	return err == nil
}

// sendReads sends reads as one pipeline: one MGET for each lane, since keys of
// a lane are in one slot, and the script calls behind them.
func (s *Store) sendReads(calls []*call) {
	ctx := context.Background()
	before := s.scripts.loads.Load()
	pipe := s.rdb.Pipeline()
	gets := map[*lane]*mget{}
	cmds := make([]*redis.Cmd, len(calls))
	for i, c := range calls {
		if c.script != nil {
			cmds[i] = evalsha(ctx, c.script, c.keys, c.args)
			_ = pipe.Process(ctx, cmds[i])
			continue
		}
		g := gets[c.lane]
		if g == nil {
			g = &mget{args: []any{"mget"}}
			gets[c.lane] = g
		}
		g.calls = append(g.calls, c)
		g.args = append(g.args, c.keys...)
	}
	for _, g := range gets {
		g.cmd = redis.NewSliceCmd(ctx, g.args...)
		_ = pipe.Process(ctx, g.cmd)
	}
	s.exec(ctx, pipe, labels(calls))
	for _, g := range gets {
		g.answer()
	}
	var again []*call
	for i, c := range calls {
		if c.script == nil {
			continue
		}
		if c.reply, c.err = cmds[i].Result(); noScript(c.err) {
			again = append(again, c)
		}
	}
	if len(again) > 0 && s.reload(ctx, again, before) {
		s.sendReads(again)
	}
}

// labels are those of the calls, each once.
func labels(calls []*call) []string {
	var ops []string
	for _, c := range calls {
		if !slices.Contains(ops, c.op) {
			ops = append(ops, c.op)
		}
	}
	return ops
}

// mget is the reads of one lane that share an MGET.
type mget struct {
	calls []*call
	args  []any
	cmd   *redis.SliceCmd
}

// answer hands the values out to the reads. An answer of another length is none:
// whose value is whose could not be told.
func (g *mget) answer() {
	values, err := g.cmd.Result()
	if wanted := len(g.args) - 1; err == nil && len(values) != wanted {
		err = fmt.Errorf("MGET gave %d values for %d keys", len(values), wanted)
	}
	for _, c := range g.calls {
		if c.err = err; err != nil {
			continue
		}
		n := len(c.keys)
		c.reply, values = values[:n:n], values[n:]
	}
}
