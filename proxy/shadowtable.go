package proxy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// shadowTable is a temporary table that a connection has.
type shadowTable struct {
	table *schema.Table
	// content is what is in it; nil with unknown. A statement that follows
	// another on the same rows, such as one that counts, finds them there.
	content []row.Image
	unknown bool
	insert  []byte // the beginning of an INSERT of all columns that can be given
	read    string // reads all rows
	// rehearse writes all rows into the second temporary table that a Computed
	// table has, and rehearsed reads that one.
	rehearse, rehearsed string
}

const (
	// shadowTables is how many temporary tables a connection keeps.
	shadowTables = 8
	// shadowKept and shadowKeptSize bound the rows, and their bytes, that are
	// remembered as a table's content.
	shadowKept     = 16
	shadowKeptSize = 64 << 10
	// shadowInsert is the length in bytes from which rows go into another INSERT.
	shadowInsert = 1 << 20
)

// find gives the connection's temporary table of exactly this version, nil if
// it has none.
func (c *shadowConn) find(t *schema.Table) *shadowTable {
	for _, st := range c.tables {
		if st.table == t {
			return st
		}
	}
	return nil
}

// ensure makes sure that the connection has the temporary table, and makes it
// the one used last. Only what comes after its return may name the table: had
// the table not been made, it would be the real one.
func (c *shadowConn) ensure(s *shadows, t *schema.Table) (*shadowTable, error) {
	if st := c.find(t); st != nil {
		at := slices.Index(c.tables, st)
		c.tables = append(slices.Delete(c.tables, at, at+1), st)
		return st, nil
	}
	c.neutral = false
	c.query("SET NAMES utf8mb4, sql_mode = '', time_zone = '+00:00'", c.done) // as definitions are printed
	for i, old := range c.tables {
		if old.table.Name == t.Name {
			c.drop(i)
			break
		}
	}
	if len(c.tables) >= shadowTables {
		c.drop(0)
	}
	definition := s.definition(t)
	if definition == "" {
		var err error
		if definition, err = c.define(t); err != nil {
			return nil, err
		}
		s.define(t, definition)
	}
	c.query(definition, func(r *shadowReply) error {
		return c.refusedDefinition(t, "CREATE TEMPORARY TABLES ON "+sink.QuoteName(t.Name.DB)+".*", r.failure)
	})
	if err := c.flush(); err != nil {
		return nil, err
	}
	st := &shadowTable{table: t, insert: insertHead(t), read: selectImages(t)}
	c.tables = append(c.tables, st)
	if t.Computed {
		if err := c.makeRehearsal(st, definition); err != nil {
			return nil, err
		}
	}
	return st, nil
}

// quotedTable is a table's full name in a statement.
func quotedTable(n schema.Name) string { return sink.QuoteName(n.DB) + "." + sink.QuoteName(n.Table) }

// drop queues the end of a temporary table.
func (c *shadowConn) drop(i int) {
	t := c.tables[i].table
	c.query("DROP TEMPORARY TABLE "+quotedTable(t.Name), c.done)
	if t.Computed {
		c.query("DROP TEMPORARY TABLE "+quotedTable(rehearsalName(t.Name)), c.done)
	}
	c.tables = slices.Delete(c.tables, i, i+1)
}

// define reads the real table's definition. Its temporary one must be gone.
func (c *shadowConn) define(t *schema.Table) (definition string, err error) {
	c.query("SHOW CREATE TABLE "+quotedTable(t.Name), func(r *shadowReply) error {
		if err := c.refusedDefinition(t, "SELECT ON "+sink.QuoteName(t.Name.DB)+".*", r.failure); err != nil {
			return err
		}
		values, err := r.row(2)
		if err != nil {
			return err
		}
		if definition, err = temporaryDefinition(t.Name, string(values[1])); err != nil {
			return &shadowRefused{reason: reasonShadowDefinition, err: fmt.Errorf("%s: %w", t.Name, err)}
		}
		return nil
	})
	return definition, c.flush()
}

// refusedDefinition says what a refusal to make or describe a table means.
func (c *shadowConn) refusedDefinition(t *schema.Table, right string, e *wire.ErrPacket) error {
	switch {
	case e == nil:
		return nil
	case slices.Contains(shadowDenials, e.Code):
		return &shadowRefused{reason: reasonShadowRights, err: e, hint: "GRANT " + right + " to the proxy's account"}
	}
	return &shadowRefused{reason: reasonShadowDefinition, err: fmt.Errorf("%s: %w", t.Name, e)}
}

// shadowDenials are the codes of missing rights: on a database, table or
// column, for an operation, and on a routine.
var shadowDenials = []uint16{1044, 1142, 1143, 1227, 1370}

// holds notes what is in the table. The rows are copied: they may be a small
// part of a large buffer.
func (st *shadowTable) holds(rows []row.Image) {
	size := 0
	for _, im := range rows {
		for _, v := range im {
			size += len(v)
		}
	}
	st.content, st.unknown = nil, len(rows) > shadowKept || size > shadowKeptSize
	if !st.unknown {
		for _, im := range rows {
			st.content = append(st.content, im.Clone())
		}
	}
}

// fill queues what makes the table hold just these rows.
func (c *shadowConn) fill(st *shadowTable, rows []row.Image) error {
	if !st.unknown && slices.EqualFunc(st.content, rows, row.Image.Equal) {
		return nil
	}
	if !c.neutral {
		c.query(neutralSettings, c.done)
		c.neutral = true
	}
	t := st.table
	if st.unknown || len(st.content) > 0 {
		c.query("DELETE FROM "+quotedTable(t.Name)+" LIMIT 18446744073709551615", c.done) // sql_safe_updates wants a LIMIT
	}
	put := func(r *shadowReply) error {
		var err error
		switch {
		case r.failure != nil:
			err = r.failure
		case r.ok.Warnings != 0:
			err = errors.New("a row was not stored as it is")
		default:
			return nil
		}
		return &shadowRefused{reason: reasonShadowRows, err: fmt.Errorf("%s: %w", t.Name, err)}
	}
	b, first := append([]byte(nil), st.insert...), true
	for _, im := range rows {
		if len(b) > shadowInsert {
			c.query(string(b), put)
			b, first = append(b[:0], st.insert...), true
		}
		if len(im) != len(t.Columns) {
			return &shadowRefused{reason: reasonShadowRows, err: fmt.Errorf("%s: a row of %d columns", t.Name, len(im))}
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		var err error
		if b, err = appendRow(b, t, im); err != nil {
			return &shadowRefused{reason: reasonShadowRows, err: fmt.Errorf("%s: %w", t.Name, err)}
		}
	}
	if !first {
		c.query(string(b), put)
		if t.Computed {
			c.sameComputed(st, rows)
		}
	}
	return nil
}

// insertHead is the beginning of an INSERT of all columns that can be given.
func insertHead(t *schema.Table) []byte {
	return []byte("INSERT INTO " + quotedTable(t.Name) + "(" + givenColumns(t) + ") VALUES ")
}

// appendRow appends the values for insertHead's columns.
func appendRow(b []byte, t *schema.Table, im row.Image) ([]byte, error) {
	sep := byte('(')
	for i := range t.Columns {
		if t.Columns[i].Generated {
			continue
		}
		b = append(b, sep)
		sep = ','
		var err error
		if b, err = sink.AppendLiteral(b, &t.Columns[i], im[i]); err != nil {
			return b, err
		}
	}
	return append(b, ')'), nil
}

// selectImages reads all rows in the form of row.Image, under the neutral
// settings. The LIMIT is one above the most that is read, and there to replace
// sql_select_limit.
func selectImages(t *schema.Table) string {
	b := []byte("SELECT ")
	for i := range t.Columns {
		if i > 0 {
			b = append(b, ',')
		}
		name := sink.QuoteName(t.Columns[i].Name)
		if t.Columns[i].Type == schema.Float { // the text of a FLOAT has 6 digits, of a DOUBLE all
			name = "(" + name + "*1e0)"
		}
		b = append(b, name...)
	}
	b = append(b, " FROM "+quotedTable(t.Name)+" ORDER BY "...)
	for i, at := range t.Primary.Columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, sink.QuoteName(t.Columns[at].Name)...)
	}
	return string(strconv.AppendInt(append(b, " LIMIT "...), shadowMaxRows+1, 10))
}

// storedImages are the rows that selectImages read.
func storedImages(t *schema.Table, rows [][]byte) ([]row.Image, error) {
	if len(rows) > shadowMaxRows {
		return nil, &shadowRefused{reason: reasonShadowRows, err: errShadowRows}
	}
	all := make([]row.Image, len(rows))
	for n, p := range rows {
		im, err := row.DecodeImage(p, len(t.Columns))
		if err != nil {
			return nil, fmt.Errorf("read a row of %s: %w", t.Name, err)
		}
		for i := range t.Columns {
			if t.Columns[i].Type != schema.Float || im[i] == nil {
				continue
			}
			f, err := strconv.ParseFloat(string(im[i]), 64)
			if err != nil {
				return nil, fmt.Errorf("read a row of %s: %w", t.Name, err)
			}
			im[i] = row.FormatFloat32(float32(f))
		}
		all[n] = im
	}
	return all, nil
}
