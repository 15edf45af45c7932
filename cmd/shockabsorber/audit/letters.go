package audit

import (
	"context"
	"fmt"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// letterKey names a row that a dead letter touches.
type letterKey struct {
	table string
	key   row.Key
}

// letterPage is how many dead letters one statement reads.
const letterPage = 50

// deadLetters reads the lane's dead letters: later passes judge their rows by
// other rules, since pending units of such a row were computed from what MySQL
// never got.
func (a *auditor) deadLetters(ctx context.Context, l *lane) ([]Finding, error) {
	a.letters = map[letterKey]row.LSN{}
	var out []Finding
	count := 0
	for after := uint64(0); ; {
		rows, err := a.db.Query(fmt.Sprintf("SELECT id, parts, lsn, unit FROM shock_absorber.dead_letters WHERE lane = %s AND part = 0 AND id > %d ORDER BY id LIMIT %d",
			sink.QuoteText(string(l.name)), after, letterPage))
		if err != nil {
			return nil, fmt.Errorf("read the dead letters: %w", err)
		}
		if err := a.wait(ctx, "dead letters", len(rows)); err != nil {
			return nil, err
		}
		for _, r := range rows {
			f, err := a.deadLetter(l, r)
			if err != nil {
				return nil, err
			}
			out = append(out, f...)
			count++
			if after, err = strconv.ParseUint(string(r[0]), 10, 64); err != nil {
				return nil, err
			}
		}
		if len(rows) < letterPage {
			break
		}
	}
	if count > 0 {
		a.remark("lane %s: %d dead letters: see `shockabsorber deadletters list`", l.name, count)
	}
	return out, nil
}

// skipped remarks what operators have given up of the lane: rows of such units
// are rightly not in MySQL.
func (a *auditor) skipped(l *lane) error {
	rows, err := a.db.Query(fmt.Sprintf("SELECT id, touched, asked_by, created FROM shock_absorber.requests WHERE lane = %s AND verb = '%s' AND state = 'done' ORDER BY id",
		sink.QuoteText(string(l.name)), sink.VerbSkip))
	if err != nil {
		return fmt.Errorf("read which units were given up: %w", err)
	}
	for _, r := range rows {
		if from, to, ok := sink.ParseSkipped(r[1]); ok {
			a.remark("lane %s: units %d to %d, which were acknowledged and missing, were given up by %s at %s (request %s)", l.name, from, to, r[2], r[3], r[0])
		}
	}
	return nil
}

// deadLetter reads one: id, parts, lsn, the first part of the unit.
func (a *auditor) deadLetter(l *lane, r [][]byte) ([]Finding, error) {
	parts, err := strconv.Atoi(string(r[1]))
	if err != nil {
		return nil, err
	}
	lsn, err := strconv.ParseUint(string(r[2]), 10, 64)
	if err != nil {
		return nil, err
	}
	data := r[3]
	for part := 1; part < parts; part++ {
		more, err := a.db.Query(fmt.Sprintf("SELECT unit FROM shock_absorber.dead_letters WHERE id = %s AND part = %d", r[0], part))
		if err != nil {
			return nil, fmt.Errorf("read dead letter %s: %w", r[0], err)
		}
		if len(more) == 0 { // dealt with meanwhile, or missing: the decoding tells
			break
		}
		data = append(data, more[0][0]...)
	}
	u, err := wal.Decode(data)
	if err != nil {
		return []Finding{{Kind: "dead_letter_corrupt", Lane: l.name, LSN: row.LSN(lsn), Detail: fmt.Sprintf("dead letter %s: %v", r[0], err)}}, nil
	}
	for _, m := range u.Mutations {
		k := letterKey{m.Table, m.Key}
		a.letters[k] = max(a.letters[k], row.LSN(lsn))
	}
	return nil, nil
}
