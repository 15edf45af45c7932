package sink

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// DeadLetters reads up to max dead letters of the lane with an id above after,
// in the order in which they were written.
func (s *Sink) DeadLetters(ctx context.Context, lane row.Lane, after uint64, max int) ([]DeadLetter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := s.letters(ctx, lane, after, max)
	if err != nil {
		return nil, wrap(opLetters, lane, 0, err)
	}
	return out, nil
}

// letters is DeadLetters without its error handling.
func (s *Sink) letters(ctx context.Context, lane row.Lane, after uint64, max int) ([]DeadLetter, error) {
	table := string(appendName(nil, s.cfg.Database)) + ".dead_letters"
	rs, err := s.run(ctx, fmt.Appendf(nil, "SELECT id,parts,lsn,tables,code,cause,unit FROM %s WHERE lane=%s AND id>%d AND part=0 ORDER BY id LIMIT %d",
		table, QuoteText(string(lane)), after, max))
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	var out []DeadLetter
	for i := range rs[0].RowNumber() {
		var n [4]uint64
		for j, c := range []int{0, 1, 2, 4} {
			if n[j], err = strconv.ParseUint(cell(rs[0], i, c), 10, 64); err != nil {
				return nil, fmt.Errorf("read dead letters: %w", err)
			}
		}
		d := DeadLetter{ID: n[0], Lane: lane, LSN: row.LSN(n[2]), Tables: cell(rs[0], i, 3), Code: uint16(n[3]), Cause: cell(rs[0], i, 5)}
		d.Unit = []byte(cell(rs[0], i, 6))
		for part := uint64(1); part < n[1]; part++ {
			more, err := s.run(ctx, fmt.Appendf(nil, "SELECT unit FROM %s WHERE id=%d AND part=%d", table, d.ID, part))
			if err != nil {
				return nil, fmt.Errorf("read dead letter %d: %w", d.ID, err)
			}
			if more[0].RowNumber() == 0 {
				return nil, fmt.Errorf("dead letter %d lacks part %d of %d", d.ID, part, n[1])
			}
			d.Unit = append(d.Unit, cell(more[0], 0, 0)...)
		}
		out = append(out, d)
	}
	return out, nil
}

// DeadLetterCount is the number of dead letters of the lane. The drainer asks
// it to see whether somebody has retried or discarded one.
func (s *Sink) DeadLetterCount(ctx context.Context, lane row.Lane) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rs, err := s.run(ctx, fmt.Appendf(nil, "SELECT COUNT(*) FROM %s.dead_letters WHERE lane=%s AND part=0",
		appendName(nil, s.cfg.Database), QuoteText(string(lane))))
	if err != nil {
		return 0, wrap(opLetters, lane, 0, fmt.Errorf("count dead letters: %w", err))
	}
	n, err := strconv.Atoi(cell(rs[0], 0, 0))
	if err != nil {
		return 0, wrap(opLetters, lane, 0, fmt.Errorf("count dead letters: %w", err))
	}
	return n, nil
}

// letters writes the statements that store dead letters. A unit is cut into
// parts, since no value may be larger than a packet.
func letters(b *Batch, db string, limit int) []statement {
	var out []statement
	size := max(limit/4, 256)
	for _, d := range b.Dead {
		parts := max(1, (len(d.Unit)+size-1)/size)
		for p := range parts {
			sql := append(bytes.Clone(mark(b)), "INSERT INTO "...)
			sql = append(appendTable(sql, schema.Name{DB: db, Table: "dead_letters"}), " (id,part,parts,lane,lsn,tables,code,cause,unit) VALUES ("...)
			if p == 0 {
				sql = append(sql, "NULL"...)
			} else {
				sql = append(sql, "LAST_INSERT_ID()"...)
			}
			sql = fmt.Appendf(sql, ",%d,%d,", p, parts)
			sql = append(appendQuoted(sql, []byte(b.Lane)), ',')
			sql = append(strconv.AppendUint(sql, uint64(d.LSN), 10), ',')
			sql = append(appendQuoted(sql, clip(d.Tables, 1000)), ',')
			sql = append(strconv.AppendUint(sql, uint64(d.Code), 10), ',')
			sql = append(appendQuoted(sql, clip(d.Cause, 4000)), ",_binary"...)
			sql = append(appendQuoted(sql, d.Unit[p*size:min(len(d.Unit), (p+1)*size)]), ')')
			out = append(out, statement{sql: sql, want: 1, table: db + ".dead_letters", op: row.Insert, lsn: d.LSN})
		}
	}
	return out
}

// clip makes s valid UTF-8 of at most n bytes.
func clip(s string, n int) []byte {
	return bytes.ToValidUTF8([]byte(s[:min(n, len(s))]), []byte("?"))
}
