package sink

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// DeadLetters reads up to max dead letters of the lane with an id above after,
// in the order in which they were written.
func (s *Sink) DeadLetters(ctx context.Context, lane row.Lane, after uint64, max int) ([]DeadLetter, error) {
	return s.readLetters(ctx, lane, fmt.Sprintf("lane=%s AND id>%d", QuoteText(string(lane)), after), max)
}

// DeadLettersAt reads the lane's dead letters of these LSNs, in their order.
// One that is not there is left out.
func (s *Sink) DeadLettersAt(ctx context.Context, lane row.Lane, lsns []row.LSN) ([]DeadLetter, error) {
	var out []DeadLetter
	for len(lsns) > 0 {
		n := min(len(lsns), maxRows)
		var in []string
		for _, lsn := range lsns[:n] {
			in = append(in, lsn.String())
		}
		page, err := s.readLetters(ctx, lane, fmt.Sprintf("lane=%s AND lsn IN (%s)", QuoteText(string(lane)), strings.Join(in, ",")), n)
		if err != nil {
			return nil, err
		}
		out, lsns = append(out, page...), lsns[n:]
	}
	return out, nil
}

// DeadLetter reads one dead letter of any lane, nil if there is none of that id.
func (s *Sink) DeadLetter(ctx context.Context, id uint64) (*DeadLetter, error) {
	out, err := s.readLetters(ctx, "", fmt.Sprintf("id=%d", id), 1)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return &out[0], nil
}

// readLetters reads the letters that a condition names, by id.
func (s *Sink) readLetters(ctx context.Context, lane row.Lane, where string, max int) ([]DeadLetter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := s.letters(ctx, where, max)
	if err != nil {
		return nil, wrap(opLetters, lane, 0, err)
	}
	return out, nil
}

// letters is readLetters without its error handling.
func (s *Sink) letters(ctx context.Context, where string, max int) ([]DeadLetter, error) {
	table := string(appendName(nil, s.cfg.Database)) + ".dead_letters"
	rs, err := s.run(ctx, opLetters, fmt.Appendf(nil, "SELECT id,parts,lsn,code,lane,tables,cause,unit,definition,edits,created FROM %s WHERE %s AND part=0 ORDER BY id LIMIT %d",
		table, where, max))
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	var out []DeadLetter
	for i := range rs[0].RowNumber() {
		d, parts, err := parseLetter(rs[0], i)
		if err != nil {
			return nil, err
		}
		for part := uint64(1); part < parts; part++ {
			more, err := s.run(ctx, opLetters, fmt.Appendf(nil, "SELECT unit FROM %s WHERE id=%d AND part=%d", table, d.ID, part))
			if err != nil {
				return nil, fmt.Errorf("read dead letter %d: %w", d.ID, err)
			}
			if more[0].RowNumber() == 0 {
				return nil, fmt.Errorf("dead letter %d lacks part %d of %d", d.ID, part, parts)
			}
			d.Unit = append(d.Unit, cell(more[0], 0, 0)...)
		}
		out = append(out, d)
	}
	return out, nil
}

// parseLetter reads one row of letters, and of how many parts its unit is.
func parseLetter(r *mysql.Result, i int) (d DeadLetter, parts uint64, err error) {
	var n [4]uint64
	for c := range n {
		if n[c], err = strconv.ParseUint(cell(r, i, c), 10, 64); err != nil {
			return d, 0, fmt.Errorf("read dead letters: %w", err)
		}
	}
	d = DeadLetter{ID: n[0], LSN: row.LSN(n[2]), Code: uint16(n[3]), Lane: row.Lane(cell(r, i, 4)), Tables: cell(r, i, 5), Cause: cell(r, i, 6),
		Unit: []byte(cell(r, i, 7)), Definition: []byte(cell(r, i, 8)), Edits: []byte(cell(r, i, 9))}
	d.Created, err = time.Parse("2006-01-02 15:04:05.999999", cell(r, i, 10))
	if err != nil {
		return d, 0, fmt.Errorf("read dead letters: %w", err)
	}
	return d, n[1], nil
}

// DeadLetterCount is the number of dead letters of the lane. The drainer asks
// it to see whether somebody has dealt with one by hand.
func (s *Sink) DeadLetterCount(ctx context.Context, lane row.Lane) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rs, err := s.run(ctx, opLetters, fmt.Appendf(nil, "SELECT COUNT(*) FROM %s.dead_letters WHERE lane=%s AND part=0",
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
	for i := range b.Dead {
		d := &b.Dead[i]
		units := cut(d.Unit, limit)
		for p := range units {
			id := "NULL"
			if p > 0 {
				id = "LAST_INSERT_ID()"
			}
			out = append(out, letterPart(b, db, d, id, p, units))
		}
	}
	return out
}

// cut cuts a unit into the values it is stored as, at least one.
func cut(unit []byte, limit int) [][]byte {
	size := max(limit/4, 256)
	out := [][]byte{unit[:min(size, len(unit))]}
	for at := size; at < len(unit); at += size {
		out = append(out, unit[at:min(at+size, len(unit))])
	}
	return out
}

// letterPart writes the row of one part. What describes the letter stands in
// the first part only.
func letterPart(b *Batch, db string, d *DeadLetter, id string, p int, units [][]byte) statement {
	definition := d.Definition
	if p > 0 {
		definition = nil
	}
	sql := append(bytes.Clone(mark(b)), "INSERT INTO "...)
	sql = append(appendTable(sql, schema.Name{DB: db, Table: "dead_letters"}), " (id,part,parts,lane,lsn,tables,code,cause,unit,definition) VALUES ("...)
	sql = fmt.Appendf(append(sql, id...), ",%d,%d,", p, len(units))
	sql = append(appendQuoted(sql, []byte(b.Lane)), ',')
	sql = append(strconv.AppendUint(sql, uint64(d.LSN), 10), ',')
	sql = append(appendQuoted(sql, clip(d.Tables, 1000)), ',')
	sql = append(strconv.AppendUint(sql, uint64(d.Code), 10), ',')
	sql = append(appendQuoted(sql, clip(d.Cause, 4000)), ',')
	sql = append(appendBinary(sql, units[p]), ',')
	sql = append(appendBinary(sql, definition), ')')
	return statement{sql: sql, want: 1, table: db + ".dead_letters", op: row.Insert, lsn: d.LSN}
}

// appendBinary appends bytes as a literal. Empty is empty, not NULL: what is
// read back does not tell the two apart.
func appendBinary(sql, value []byte) []byte {
	return appendQuoted(append(sql, "_binary"...), value)
}

// clip makes s valid UTF-8 of at most n bytes.
func clip(s string, n int) []byte {
	return bytes.ToValidUTF8([]byte(s[:min(n, len(s))]), []byte("?"))
}
