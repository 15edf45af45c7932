package spike

import (
	"context"
	"database/sql"
	"fmt"
)

// verdict is what the comparison of MySQL with the fates found.
type verdict struct {
	lost  int64 // acknowledged, not in MySQL
	wrong int64 // in MySQL with another content
	extra int64 // in MySQL though answered with an error
	first string
}

// settle verifies, and again whenever more rows have arrived as long as some
// are missing: a row whose insert failed without an answer may have arrived,
// and so made the count complete before the last acknowledged row was there.
func (r *run) settle(ctx context.Context, db *sql.DB) (verdict, error) {
	for {
		count := r.watch.inMySQL.Load()
		v, err := verify(ctx, &r.cfg, db, r.send.fates)
		if err != nil || v.lost == 0 || v.extra == 0 || r.cfg.Direct == nil {
			return v, err
		}
		if more, err := r.watch.changed(ctx, count); err != nil || !more {
			return v, err
		}
	}
}

// verifyChunk is how many rows one SELECT compares.
const verifyChunk = 1000

// verify reads all rows of the run from db and compares each column of each
// with what was sent.
func verify(ctx context.Context, cfg *Config, db *sql.DB, fates []byte) (verdict, error) {
	var v verdict
	query := fmt.Sprintf("SELECT %s FROM `%s` WHERE id BETWEEN ? AND ?", columns, cfg.Table)
	for from := 0; from < len(fates); from += verifyChunk {
		to := min(from+verifyChunk, len(fates))
		rows, err := db.QueryContext(ctx, query, rowID(cfg.Run, from), rowID(cfg.Run, to-1))
		if err != nil {
			return v, fmt.Errorf("read the rows for comparison: %w", err)
		}
		there, err := v.compare(cfg, rows, from, to)
		if err != nil {
			return v, fmt.Errorf("read the rows for comparison: %w", err)
		}
		for n := from; n < to; n++ {
			switch {
			case fates[n] == accepted && !there[n-from]:
				v.lost++
				v.complain("row %s was acknowledged and is not there", rowID(cfg.Run, n))
			case fates[n] != accepted && there[n-from]:
				v.extra++
			}
		}
	}
	return v, nil
}

// compare reads one chunk of rows and says which were there.
func (v *verdict) compare(cfg *Config, rows *sql.Rows, from, to int) (there []bool, err error) {
	defer rows.Close()
	there = make([]bool, to-from)
	for rows.Next() {
		got, err := scanPayment(rows)
		if err != nil {
			return nil, err
		}
		n := int(got.N)
		if n < from || n >= to || there[n-from] {
			v.wrong++
			v.complain("row %s has number %d, which is not its own", got.ID, got.N)
			continue
		}
		there[n-from] = true
		if column := diff(makePayment(cfg.Run, n), got); column != "" {
			v.wrong++
			v.complain("row %s has another %s", got.ID, column)
		}
	}
	return there, rows.Err()
}

// complain keeps the first complaint.
func (v *verdict) complain(format string, args ...any) {
	if v.first == "" {
		v.first = fmt.Sprintf(format, args...)
	}
}
