package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
)

// Where a table computes columns or checks conditions, MySQL does so twice:
// when the client's statement runs on the shadow, and when the drainer writes
// the row, under a sql_mode of its own, with the generated columns left out. So
// what the statement has left is written once more as the drainer will, into a
// second temporary table of the same definition. If that refuses a row, warns,
// or computes anything else, the row depends on the session, and the statement
// passes through.

// errComputed is for rows that another session would compute otherwise.
var errComputed = errors.New("generated columns or checks come out otherwise under the drainer's sql_mode")

// computedOtherwise refuses a statement.
func computedOtherwise(t *schema.Table, err error) error {
	return &shadowRefused{reason: reasonShadowComputed, err: fmt.Errorf("%s: %w", t.Name, err)}
}

// rehearsalName names the second temporary table.
func rehearsalName(n schema.Name) schema.Name {
	h := fnv.New64a()
	h.Write([]byte(n.Table))
	return schema.Name{DB: n.DB, Table: fmt.Sprintf("shock_absorber_rehearsal_%016x", h.Sum64())}
}

// makeRehearsal makes it, from the definition of the first. Only after the
// server has said that it is there may anything name it.
func (c *shadowConn) makeRehearsal(st *shadowTable, definition string) error {
	t := st.table
	name := rehearsalName(t.Name)
	rest, ok := strings.CutPrefix(definition, "CREATE TEMPORARY TABLE "+quotedTable(t.Name)+" (")
	if !ok {
		return &shadowRefused{reason: reasonShadowDefinition, err: fmt.Errorf("%s: %w", t.Name, errShadowDefinition)}
	}
	c.query("CREATE TEMPORARY TABLE "+quotedTable(name)+" ("+rest, func(r *shadowReply) error {
		return c.refusedDefinition(t, "CREATE TEMPORARY TABLES ON "+sink.QuoteName(t.Name.DB)+".*", r.failure)
	})
	if err := c.flush(); err != nil {
		return err
	}
	columns := givenColumns(t)
	st.rehearse = "INSERT INTO " + quotedTable(name) + " (" + columns + ") SELECT " + columns + " FROM " + quotedTable(t.Name)
	st.rehearsed = strings.Replace(st.read, " FROM "+quotedTable(t.Name)+" ORDER BY ", " FROM "+quotedTable(name)+" ORDER BY ", 1)
	return nil
}

// givenColumns lists the columns that are not generated.
func givenColumns(t *schema.Table) string {
	var names []string
	for i := range t.Columns {
		if !t.Columns[i].Generated {
			names = append(names, sink.QuoteName(t.Columns[i].Name))
		}
	}
	return strings.Join(names, ",")
}

// rehearse queues the writing of all rows as the drainer writes them, and
// compares what comes out with what rows will give by then.
func (c *shadowConn) rehearse(st *shadowTable, rows func() [][]byte) {
	c.neutral = false
	c.query("SET sql_mode = "+sink.QuoteText(sink.SQLMode), c.done)
	c.query(st.rehearse, func(r *shadowReply) error {
		switch {
		case r.failure != nil:
			return computedOtherwise(st.table, fmt.Errorf("%w: %w", errComputed, r.failure))
		case r.ok.Warnings != 0:
			return computedOtherwise(st.table, errComputed)
		}
		return nil
	})
	c.query(st.rehearsed, func(r *shadowReply) error {
		if r.failure != nil {
			return computedOtherwise(st.table, fmt.Errorf("%w: %w", errComputed, r.failure))
		}
		if !slices.EqualFunc(r.rows, rows(), bytes.Equal) {
			return computedOtherwise(st.table, errComputed)
		}
		return nil
	})
	c.query("DELETE FROM "+quotedTable(rehearsalName(st.table.Name))+" LIMIT 18446744073709551615", c.done)
}

// sameComputed queues a look at the rows that were just put in: the shadow has
// to compute of them what the images hold.
func (c *shadowConn) sameComputed(st *shadowTable, rows []row.Image) {
	c.query(st.read, func(r *shadowReply) error {
		if r.failure != nil {
			return computedOtherwise(st.table, fmt.Errorf("%w: %w", errComputed, r.failure))
		}
		found, err := storedImages(st.table, r.rows)
		if err != nil {
			return err
		}
		for _, im := range rows {
			if !slices.ContainsFunc(found, im.Equal) {
				return computedOtherwise(st.table, errors.New("its generated columns hold what other sessions computed"))
			}
		}
		return nil
	})
}
