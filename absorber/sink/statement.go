package sink

import (
	"bytes"
	"fmt"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// maxRows bounds the rows of one statement: MariaDB turns longer IN lists into
// a join with a derived table, and MySQL gives up on ranges it has no memory for.
const maxRows = 500

// statement is one SQL statement and what it must do.
type statement struct {
	sql   []byte
	want  uint64 // rows it must insert, match or delete
	table string
	op    row.Op
	lsn   row.LSN // lowest LSN it carries changes of
	once  bool    // no row: this transaction has happened before
	loose bool    // any number of rows will do
}

// script turns changes into statements. limit is the size in bytes that a
// statement of several rows keeps below.
func script(b *Batch, limit int) ([]statement, error) {
	w := &writer{limit: limit, mark: mark(b), single: b.InOrder}
	runs := b.Changes
	if b.InOrder {
		for len(runs) > 0 {
			n := 1
			// The letters of a retry keep statements of their own: an error has to
			// name the one that MySQL refuses.
			for n < len(runs) && runs[n].Table == runs[0].Table && runs[n].Mutation.Op == runs[0].Mutation.Op &&
				(b.Answer == nil || runs[n].LSN == runs[0].LSN) {
				n++
			}
			if err := w.run(runs[:n]); err != nil {
				return nil, err
			}
			runs = runs[n:]
		}
		return w.out, nil
	}
	for _, run := range ordered(b.Changes) {
		if err := w.run(run); err != nil {
			return nil, err
		}
	}
	return w.out, nil
}

// group gives the changes of one op, table by table in order of appearance.
func group(changes []Change, op row.Op) [][]Change {
	var out [][]Change
	at := map[*schema.Table]int{}
	for _, c := range changes {
		if c.Mutation.Op != op {
			continue
		}
		i, ok := at[c.Table]
		if !ok {
			i = len(out)
			at[c.Table] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], c)
	}
	return out
}

// mark is the comment by which a binlog watcher knows the drainer's own writes.
func mark(b *Batch) []byte {
	m := []byte("/* shock_absorber lane=")
	for i := range len(b.Lane) {
		ch := b.Lane[i]
		switch {
		case ch >= 'a' && ch <= 'z', ch >= 'A' && ch <= 'Z', ch >= '0' && ch <= '9', ch == '-', ch == '.':
			m = append(m, ch)
		default:
			m = append(m, '_')
		}
	}
	if b.Answer != nil {
		return fmt.Appendf(m, " request=%d */ ", b.Answer.Request)
	}
	return fmt.Appendf(m, " lsn=%d-%d */ ", b.From+1, b.To)
}

// writer collects statements.
type writer struct {
	limit  int
	mark   []byte
	single bool // one UPDATE a row: a row may appear more than once
	out    []statement
}

// run writes the statements for changes of one table and one op.
func (w *writer) run(changes []Change) error {
	for _, c := range changes {
		if n := len(c.Table.Columns); len(c.Mutation.Image) != n {
			return fault(c, fmt.Errorf("the image has %d columns, the table %d", len(c.Mutation.Image), n))
		}
		if len(c.Table.Primary.Columns) == 0 {
			return fault(c, fmt.Errorf("the table has no primary key"))
		}
	}
	switch changes[0].Mutation.Op {
	case row.Insert:
		return w.inserts(changes)
	case row.Update:
		return w.updates(changes)
	case row.Delete:
		return w.deletes(changes)
	default:
		return fault(changes[0], fmt.Errorf("unknown operation %d", changes[0].Mutation.Op))
	}
}

// inserts writes INSERT INTO t (columns) VALUES (..),(..).
func (w *writer) inserts(changes []Change) error {
	t := changes[0].Table
	head := append(bytes.Clone(w.mark), "INSERT INTO "...)
	head = append(appendTable(head, t.Name), " ("...)
	cols := storedColumns(t)
	for i, c := range cols {
		if i > 0 {
			head = append(head, ',')
		}
		head = appendName(head, t.Columns[c].Name)
	}
	head = append(head, ") VALUES "...)
	return w.rows(changes, head, func(dst []byte, c Change) ([]byte, error) {
		return appendValues(append(dst, '('), t, cols, c.Mutation.Image, ")")
	}, ',')
}

// deletes writes DELETE FROM t WHERE key IN (..), or an OR of keys where the
// key has several columns: not every server finds ranges in (a,b) IN (..).
func (w *writer) deletes(changes []Change) error {
	t := changes[0].Table
	head := append(bytes.Clone(w.mark), "DELETE FROM "...)
	head = append(appendTable(head, t.Name), " WHERE "...)
	key := t.Primary.Columns
	if len(key) > 1 {
		return w.rows(changes, head, func(dst []byte, c Change) ([]byte, error) {
			dst, err := appendKey(append(dst, '('), t, c.Mutation.Image)
			return append(dst, ')'), err
		}, '|')
	}
	head = append(appendName(head, t.Columns[key[0]].Name), " IN ("...)
	return w.rows(changes, head, func(dst []byte, c Change) ([]byte, error) {
		return AppendLiteral(dst, &t.Columns[key[0]], c.Mutation.Image[key[0]])
	}, ')')
}

// rows writes statements of many rows: head, then each row by add, cut at the
// limit. join is ',' (rows), ')' (rows in an open bracket) or '|' (rows joined by OR).
func (w *writer) rows(changes []Change, head []byte, add func([]byte, Change) ([]byte, error), join byte) error {
	var one []byte
	open := false
	for _, c := range changes {
		var err error
		if one, err = add(one[:0], c); err != nil {
			return fault(c, err)
		}
		if open {
			st := &w.out[len(w.out)-1]
			if len(st.sql)+len(one)+8 > w.limit || st.want == maxRows {
				w.close(join)
				open = false
			}
		}
		if !open {
			w.out = append(w.out, statement{sql: bytes.Clone(head), table: c.Table.Name.String(), op: c.Mutation.Op, lsn: c.LSN})
			open = true
		}
		st := &w.out[len(w.out)-1]
		if st.want > 0 {
			if join == '|' {
				st.sql = append(st.sql, " OR "...)
			} else {
				st.sql = append(st.sql, ',')
			}
		}
		st.sql = append(st.sql, one...)
		st.want++
		st.lsn = min(st.lsn, c.LSN)
	}
	w.close(join)
	return nil
}

// close ends the statement of many rows that is being written.
func (w *writer) close(join byte) {
	if st := &w.out[len(w.out)-1]; join == ')' {
		st.sql = append(st.sql, ')')
	}
}

// storedColumns are the columns an INSERT names: all but the generated ones.
func storedColumns(t *schema.Table) []int {
	var out []int
	for i := range t.Columns {
		if !t.Columns[i].Generated {
			out = append(out, i)
		}
	}
	return out
}

// appendValues appends the columns of an image as literals and then end.
func appendValues(dst []byte, t *schema.Table, cols []int, im row.Image, end string) ([]byte, error) {
	for i, c := range cols {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = AppendLiteral(dst, &t.Columns[c], im[c]); err != nil {
			return nil, err
		}
	}
	return append(dst, end...), nil
}

// appendKey appends a=1 AND b=2 for the primary key of an image.
func appendKey(dst []byte, t *schema.Table, im row.Image) ([]byte, error) {
	for i, c := range t.Primary.Columns {
		if i > 0 {
			dst = append(dst, " AND "...)
		}
		dst = append(appendName(dst, t.Columns[c].Name), '=')
		var err error
		if dst, err = AppendLiteral(dst, &t.Columns[c], im[c]); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// fault is the error of a change that no statement can be made of.
func fault(c Change, err error) error {
	hint := "the unit was accepted under another definition of the table"
	return &row.Error{Op: opApply, LSN: c.LSN, Kind: row.Permanent, Hint: hint, Err: fmt.Errorf("%s: %w", c.Table.Name, err)}
}
