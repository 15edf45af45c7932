package audit

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// marks compares the lane's marks with each other and with the checkpoint.
func (a *auditor) marks(ctx context.Context, l *lane) ([]Finding, error) {
	// What must be smaller is read first.
	early, err := l.same(ctx)
	if err != nil {
		return nil, err
	}
	c, err := a.db.checkpoint(l.name)
	if err != nil {
		return nil, err
	}
	late, err := l.same(ctx)
	if err != nil {
		return nil, err
	}
	var out []Finding
	add := func(kind, format string, args ...any) {
		out = append(out, Finding{Kind: kind, Lane: l.name, Detail: fmt.Sprintf(format, args...)})
	}
	if early.settled > c.lsn {
		add("settled_above_checkpoint", "Redis has settled everything up to %d, MySQL's checkpoint is %d", early.settled, c.lsn)
	}
	if c.lsn > late.lsn {
		add("checkpoint_above_log", "MySQL's checkpoint is %d, the last LSN in Redis %d", c.lsn, late.lsn)
	}
	if early.relayed > late.lsn {
		add("relayed_above_log", "the queue is said to have everything up to %d, the last LSN is %d", early.relayed, late.lsn)
	}
	if early.epoch > c.epoch {
		add("epoch_above_mysql", "Redis was settled under epoch %d, MySQL's is %d", early.epoch, c.epoch)
	}
	if c.lsn > late.settled && late.owner != "" {
		out = append(out, Finding{Kind: "log_unsettled", Lane: l.name, LSN: row.LSN(late.settled),
			Detail: fmt.Sprintf("MySQL has everything up to %d, Redis has settled up to %d, and %s owns the lane", c.lsn, late.settled, late.owner)})
	}
	if late.lostTo > late.lostAfter {
		a.remark("lane %s: Redis was lost, and with it units that were acknowledged, between %d and %d", l.name, late.lostAfter+1, late.lostTo)
	}
	if err := a.skipped(l); err != nil {
		return nil, err
	}
	return out, a.wait(ctx, "lanes", 1)
}

// entry is one unit of the log.
type entry struct {
	lsn  uint64
	id   string
	data string
	ok   bool // id is "<lsn>-0" and it has the field
}

// entries visits the log from an LSN on, in pages.
func (a *auditor) entries(ctx context.Context, l *lane, from uint64, f func(e entry) error) error {
	for {
		page, err := l.node.XRangeN(ctx, l.prefix+"wal", strconv.FormatUint(from, 10)+"-0", "+", pageRows).Result()
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if err := a.wait(ctx, "units of the log", len(page)); err != nil {
			return err
		}
		for _, m := range page {
			e := entry{id: m.ID}
			num, rest, _ := strings.Cut(m.ID, "-")
			if e.lsn, err = strconv.ParseUint(num, 10, 64); err != nil {
				return fmt.Errorf("the log holds the id %q", m.ID)
			}
			e.data, e.ok = m.Values["u"].(string)
			e.ok = e.ok && rest == "0"
			if err := f(e); err != nil {
				return err
			}
			from = e.lsn + 1
		}
		if len(page) < pageRows {
			return nil
		}
	}
}

// log walks the whole log: no gaps, no damage, nothing that should be gone.
func (a *auditor) log(ctx context.Context, l *lane) ([]Finding, error) {
	before, err := l.same(ctx)
	if err != nil {
		return nil, err
	}
	var out []Finding
	add := func(kind string, lsn uint64, format string, args ...any) {
		out = append(out, Finding{Kind: kind, Lane: l.name, LSN: row.LSN(lsn), Detail: fmt.Sprintf(format, args...)})
	}
	next, untrimmed := before.settled+1, 0
	err = a.entries(ctx, l, 0, func(e entry) error {
		if e.lsn <= before.settled {
			if untrimmed++; untrimmed == 1 {
				add("log_untrimmed", e.lsn, "the log still holds %s, which is settled (up to %d)", e.id, before.settled)
			}
			return nil
		}
		if e.lsn > next {
			now, err := l.same(ctx)
			if err != nil {
				return err
			}
			if e.lsn > now.settled+1 { // else it was trimmed as it was read
				add("log_gap", max(next, now.settled+1), "the log holds %s behind %d, and everything above %d should be there", e.id, next-1, now.settled)
			}
		}
		u, err := wal.Decode([]byte(e.data))
		switch {
		case !e.ok || err != nil:
			add("log_corrupt", e.lsn, "unit %s cannot be read: %v", e.id, err)
		case u.Lane != l.name:
			add("log_corrupt", e.lsn, "unit %s is one of lane %s", e.id, u.Lane)
		}
		next = e.lsn + 1
		return nil
	})
	if err != nil {
		return nil, err
	}
	after, err := l.same(ctx)
	if err != nil {
		return nil, err
	}
	if next <= before.lsn && before.lsn > after.settled {
		add("log_gap", max(next, after.settled+1), "the log ends before %d, the last LSN is %d and only %d is settled", next, before.lsn, after.settled)
	}
	if next-1 > after.lsn {
		add("log_above_lsn", next-1, "the log holds unit %d, the last LSN is %d", next-1, after.lsn)
	}
	return out, nil
}
