package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// pending checks each table's set of pending rows against the cached rows and
// the marks.
func (a *auditor) pending(ctx context.Context, l *lane) ([]Finding, error) {
	var out []Finding
	for _, t := range a.tablesOf(l.name) {
		var cursor uint64
		for {
			list, next, err := l.node.ZScan(ctx, l.table("dirty", t.Name.String()), cursor, "", pageRows).Result()
			if err != nil {
				return nil, err
			}
			for i := 0; i < len(list); i += 2 * pageRows {
				found, err := a.pendingPage(ctx, l, t, list[i:min(len(list), i+2*pageRows)])
				if err != nil {
					return nil, err
				}
				out = append(out, found...)
			}
			if cursor = next; cursor == 0 || a.enough(out) {
				break
			}
		}
	}
	return out, nil
}

// pendingPage checks the rows of a page of member, score, member, score ...
func (a *auditor) pendingPage(ctx context.Context, l *lane, t *schema.Table, list []string) ([]Finding, error) {
	if err := a.wait(ctx, "pending rows", len(list)/2); err != nil {
		return nil, err
	}
	table := t.Name.String()
	early, err := l.same(ctx)
	if err != nil {
		return nil, err
	}
	c, err := a.db.checkpoint(l.name)
	if err != nil {
		return nil, err
	}
	st, err := l.state(ctx, table)
	if err != nil || !st.usable(l) {
		return nil, err
	}
	var now *redis.StringCmd
	scores, heads := make([]*redis.FloatCmd, len(list)/2), make([]*redis.StringCmd, len(list)/2)
	_, err = l.node.TxPipelined(ctx, func(p redis.Pipeliner) error {
		now = p.Get(ctx, l.table("t", table))
		for i := range scores {
			key := row.Key(list[2*i])
			scores[i] = p.ZScore(ctx, l.table("dirty", table), string(key))
			heads[i] = p.GetRange(ctx, l.row(table, st.gen, key), 0, headerBytes-1)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	if s, err := parseState(now.Val()); err != nil || s.gen != st.gen || s.incarnation != st.incarnation {
		return nil, nil // another generation: nothing of this one is pending any more
	}
	late, err := l.same(ctx)
	if err != nil {
		return nil, err
	}
	var out []Finding
	for i := range scores {
		if scores[i].Err() != nil {
			continue // settled meanwhile
		}
		lsn := uint64(scores[i].Val())
		add := func(kind, format string, args ...any) {
			out = append(out, Finding{Kind: kind, Lane: l.name, Table: table, Key: hexKey(row.Key(list[2*i])), LSN: row.LSN(lsn), Detail: fmt.Sprintf(format, args...)})
		}
		if lsn > late.lsn {
			add("pending_above_lsn", "the row waits for unit %d, the last LSN is %d", lsn, late.lsn)
		}
		if lsn <= early.settled || lsn <= c.lsn && early.owner != "" {
			add("pending_unsettled", "the row waits for unit %d, MySQL has everything up to %d (settled: %d)", lsn, c.lsn, early.settled)
		}
		head := heads[i].Val()
		switch {
		case head == "":
			add("pending_row_missing", "the row waits for MySQL and is not in the cache")
		case len(head) < headerBytes: // the cache pass says more
		default:
			r := parseRow(head)
			if !r.dirty {
				add("pending_row_missing", "the row waits for MySQL, and the cache takes it for clean")
			} else if uint64(r.version) != lsn {
				add("pending_version", "the row waits for unit %d, the cache holds it as of %d", lsn, r.version)
			}
		}
	}
	return out, nil
}
