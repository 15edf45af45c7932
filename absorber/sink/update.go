package sink

import (
	"bytes"
	"slices"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// maxCases bounds the rows of one grouped UPDATE: the server tries the cases
// one after the other for each row.
const maxCases = 64

// updates writes UPDATE statements: one for up to 64 rows that assign the same
// columns, where that is certain to store the same, else one a row.
//
//	UPDATE t SET v=CASE WHEN id=1 THEN 'a' WHEN id=2 THEN 'b' END WHERE id=1 OR id=2
//
// Not INSERT ... ON DUPLICATE KEY UPDATE: that would bring back a row that is
// missing, and may update another one that holds a unique value.
func (w *writer) updates(changes []Change) error {
	sets := map[string]int{} // the assigned columns -> place in groups
	var groups [][]Change
	for _, c := range changes {
		cols := assigned(c)
		if len(cols) == 0 {
			continue
		}
		if w.single || !groupable(c.Table, cols) {
			groups = append(groups, []Change{c})
			continue
		}
		id := string(appendColumns(nil, cols))
		g, ok := sets[id]
		if !ok || len(groups[g]) == maxCases {
			g = len(groups)
			sets[id] = g
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], c)
	}
	for _, g := range groups {
		if err := w.update(g); err != nil {
			return err
		}
	}
	return nil
}

// update writes one UPDATE for rows that assign the same columns, or several
// if that would be above the limit.
func (w *writer) update(group []Change) error {
	t := group[0].Table
	sql := append(bytes.Clone(w.mark), "UPDATE "...)
	sql = append(appendTable(sql, t.Name), " SET "...)
	lsn := group[0].LSN
	for n, i := range assigned(group[0]) {
		if n > 0 {
			sql = append(sql, ',')
		}
		var err error
		if sql, err = appendAssignment(sql, t, i, group); err != nil {
			return err
		}
	}
	sql = append(sql, " WHERE "...)
	for n, c := range group {
		lsn = min(lsn, c.LSN)
		if n > 0 {
			sql = append(sql, " OR "...)
		}
		var err error
		if sql, err = appendKey(sql, t, c.Mutation.Image); err != nil {
			return fault(c, err)
		}
	}
	if len(group) > 1 && len(sql) > w.limit {
		if err := w.update(group[:len(group)/2]); err != nil {
			return err
		}
		return w.update(group[len(group)/2:])
	}
	w.out = append(w.out, statement{sql: sql, want: uint64(len(group)), table: t.Name.String(), op: row.Update, lsn: lsn})
	return nil
}

// appendAssignment appends `column`=value, by cases if there are several rows.
func appendAssignment(sql []byte, t *schema.Table, i int, group []Change) ([]byte, error) {
	sql = append(appendName(sql, t.Columns[i].Name), '=')
	if len(group) > 1 {
		sql = append(sql, "CASE"...)
	}
	for _, c := range group {
		var err error
		if len(group) > 1 {
			if sql, err = appendKey(append(sql, " WHEN "...), t, c.Mutation.Image); err != nil {
				return nil, fault(c, err)
			}
			sql = append(sql, " THEN "...)
		}
		if sql, err = AppendLiteral(sql, &t.Columns[i], c.Mutation.Image[i]); err != nil {
			return nil, fault(c, err)
		}
	}
	if len(group) > 1 {
		sql = append(sql, " END"...)
	}
	return sql, nil
}

// assigned are the columns that an update sets: the changed ones, and those
// into which the server would put its own clock if they were left out.
func assigned(c Change) []int {
	var out []int
	for i := range c.Table.Columns {
		col := &c.Table.Columns[i]
		if !col.Generated && (col.OnUpdateNow || slices.Contains(c.Mutation.Changed, uint16(i))) {
			out = append(out, i)
		}
	}
	return out
}

// groupable reports whether several rows may set these columns in one
// statement. The type of a CASE comes from all its values: that is harmless
// for exact numbers and strings, while floating-point numbers, bits and bytes
// could pass through a type that does not hold them. A column of a unique
// index, and what a generated one may be computed of, is set row by row, since
// the server checks it after each row.
func groupable(t *schema.Table, cols []int) bool {
	for _, i := range cols {
		switch t.Columns[i].Type {
		case schema.Float, schema.Double, schema.Bit, schema.Binary, schema.Varbinary, schema.Blob:
			return false
		}
		if slices.Contains(t.Primary.Columns, i) {
			return false
		}
		for _, ix := range t.Uniques {
			if slices.ContainsFunc(ix.Columns, func(c int) bool { return c == i || t.Columns[c].Generated }) {
				return false
			}
		}
	}
	return true
}

// appendColumns appends positions as a map key.
func appendColumns(dst []byte, cols []int) []byte {
	for _, c := range cols {
		dst = append(dst, byte(c>>8), byte(c))
	}
	return dst
}
