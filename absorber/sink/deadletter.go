package sink

import (
	"context"
	"fmt"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
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
