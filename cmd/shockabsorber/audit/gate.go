package audit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
)

// gates checks closed gates, leases and the lane's owner.
func (a *auditor) gates(ctx context.Context, l *lane) ([]Finding, error) {
	var out []Finding
	for _, t := range a.tablesOf(l.name) {
		table := t.Name.String()
		if err := a.wait(ctx, "gates", 1); err != nil {
			return nil, err
		}
		now, err := l.node.Time(ctx).Result() // before the owners: no time is taken for passed early
		if err != nil {
			return nil, err
		}
		var text *redis.StringCmd
		var owners *redis.MapStringStringCmd
		_, err = l.node.TxPipelined(ctx, func(p redis.Pipeliner) error {
			text, owners = p.Get(ctx, l.table("t", table)), p.HGetAll(ctx, l.table("gate", table))
			return nil
		})
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return nil, err
		}
		st, err := parseState(text.Val())
		if err != nil {
			return nil, err
		}
		if st.incarnation != l.incarnation || st.gate == 'o' {
			continue
		}
		held := 0
		for field, record := range owners.Val() {
			owner, ok := strings.CutPrefix(field, "o:")
			if !ok {
				continue
			}
			held++
			at, _, _ := strings.Cut(record, ":")
			ms, err := strconv.ParseInt(at, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("gate of %s: owner %s has the record %q", table, owner, record)
			}
			if end := time.UnixMilli(ms); end.Before(now) {
				out = append(out, Finding{Kind: "gate_overdue", Lane: l.name, Table: table, Key: owner,
					Detail: fmt.Sprintf("the gate is closed for %s, whose time ended %v ago; it opens when a process sweeps it", owner, now.Sub(end).Round(time.Second))})
			}
		}
		if held == 0 {
			out = append(out, Finding{Kind: "gate_without_owner", Lane: l.name, Table: table, Detail: "the gate is closed and nobody holds it: writes to the table wait for ever"})
		}
	}
	leases, err := a.leases(ctx, l)
	return append(out, leases...), err
}

// leases checks that what must end by itself has an end.
func (a *auditor) leases(ctx context.Context, l *lane) ([]Finding, error) {
	var out []Finding
	check := func(keys []string) error {
		if err := a.wait(ctx, "leases", len(keys)); err != nil {
			return err
		}
		ends := make([]*redis.DurationCmd, len(keys))
		if _, err := l.node.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, k := range keys {
				ends[i] = p.PTTL(ctx, k)
			}
			return nil
		}); err != nil {
			return err
		}
		for i, k := range keys {
			if ends[i].Val() == -1 {
				out = append(out, Finding{Kind: "clean_without_end", Lane: l.name, Key: hexKey(row.Key(k)), Detail: "a lease without an end: " + strconv.Quote(k)})
			}
		}
		return nil
	}
	if err := check([]string{l.prefix + "owner"}); err != nil {
		return nil, err
	}
	return out, l.scan(ctx, l.prefix+"lease:", check)
}

// counters checks that no AUTO_INCREMENT counter would give out a value that
// MySQL has.
func (a *auditor) counters(ctx context.Context, l *lane) ([]Finding, error) {
	var out []Finding
	for _, t := range a.tablesOf(l.name) {
		if t.AutoIncrement < 0 {
			continue
		}
		if err := a.wait(ctx, "counters", 1); err != nil {
			return nil, err
		}
		table := t.Name.String()
		before, err := l.state(ctx, table)
		if err != nil {
			return nil, err
		}
		if !before.usable(l) || before.gate != 'o' {
			continue
		}
		// MySQL first: the counter only grows.
		rows, err := a.db.Query(fmt.Sprintf("SELECT MAX(%s) FROM %s.%s", sink.QuoteName(t.Columns[t.AutoIncrement].Name), sink.QuoteName(t.Name.DB), sink.QuoteName(t.Name.Table)))
		if err != nil {
			return nil, fmt.Errorf("read the largest value of %s: %w", table, err)
		}
		value, err := l.node.Get(ctx, l.table("auto", table)).Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return nil, err
		}
		after, err := l.state(ctx, table)
		if err != nil {
			return nil, err
		}
		gen, next, _ := strings.Cut(value, ":")
		next, _, _ = strings.Cut(next, ":")                            // the increment and offset follow
		highest, herr := strconv.ParseUint(string(rows[0][0]), 10, 64) // NULL and negative values say nothing
		n, nerr := strconv.ParseUint(next, 10, 64)
		if after != before || gen != strconv.FormatUint(before.gen, 10) || herr != nil {
			continue
		}
		if nerr != nil || n <= highest {
			out = append(out, Finding{Kind: "auto_increment_behind", Lane: l.name, Table: table, Detail: fmt.Sprintf("the counter would give out %q next, MySQL has %d", next, highest)})
		}
	}
	return out, nil
}
