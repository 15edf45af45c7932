package differential

import (
	"fmt"
	"slices"
	"strings"
)

// assignment is column = value.
type assignment struct {
	column string
	value  value
}

// condition is one part of a WHERE: text, values, text.
type condition struct {
	left   string // "id =", "id IN ("
	values []value
	right  string
}

// statement is one statement in parts, so that it can be made smaller.
type statement struct {
	kind     kind
	traits   []trait // what else decides whether it is absorbed today
	verb     string  // "INSERT IGNORE INTO t0", "UPDATE t0", or the whole text
	selected []string
	from     string // " FROM t0", behind selected
	columns  []string
	rows     [][]value
	alias    string
	sets     []assignment
	where    []condition
	tail     string

	prepared  bool // in the binary protocol
	unordered bool // rows may come in any order
}

// sql is the statement's text, and its parameters if it is prepared.
func (s *statement) sql() (text string, params []value) {
	var b strings.Builder
	put := func(v value) {
		if s.prepared && v.param != nil {
			params = append(params, v)
			b.WriteByte('?')
			return
		}
		b.WriteString(v.sql)
	}
	list := func(values []value) {
		for i, v := range values {
			if i > 0 {
				b.WriteString(", ")
			}
			put(v)
		}
	}
	b.WriteString(s.verb)
	if s.selected != nil {
		b.WriteString(" " + strings.Join(s.selected, ", ") + s.from)
	}
	if s.columns != nil {
		b.WriteString(" (" + strings.Join(s.columns, ", ") + ")")
	}
	for i, row := range s.rows {
		b.WriteString([]string{" VALUES (", ", ("}[min(i, 1)])
		list(row)
		b.WriteByte(')')
	}
	b.WriteString(s.alias)
	for i, a := range s.sets {
		switch {
		case i > 0:
			b.WriteString(", ")
		case s.rows != nil:
			b.WriteString(" ON DUPLICATE KEY UPDATE ")
		default:
			b.WriteString(" SET ")
		}
		b.WriteString(a.column + " = ")
		put(a.value)
	}
	for i, c := range s.where {
		b.WriteString([]string{" WHERE ", " AND "}[min(i, 1)] + c.left)
		list(c.values)
		b.WriteString(c.right)
	}
	b.WriteString(s.tail)
	return b.String(), params
}

// String prints the statement for a report.
func (s *statement) String() string {
	text, params := s.sql()
	if !s.prepared {
		return visible(text)
	}
	shown := make([]string, len(params))
	for i, p := range params {
		shown[i] = show(*p.param)
	}
	return fmt.Sprintf("%s  -- prepared, with [%s]", visible(text), strings.Join(shown, ", "))
}

// visible prints text with what no terminal shows escaped.
func visible(s string) string {
	q := fmt.Sprintf("%q", s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// clone is a copy that shares no list that smaller changes.
func (s *statement) clone() *statement {
	c := *s
	c.selected, c.columns, c.sets, c.where = slices.Clone(s.selected), slices.Clone(s.columns), slices.Clone(s.sets), slices.Clone(s.where)
	c.rows = nil
	for _, r := range s.rows {
		c.rows = append(c.rows, slices.Clone(r))
	}
	for i := range c.where {
		c.where[i].values = slices.Clone(c.where[i].values)
	}
	return &c
}

// rebound is the statement with other values for its parameters.
func (s *statement) rebound() *statement {
	c := s.clone()
	fresh := func(v *value) {
		if v.param != nil && v.again != nil {
			if n := v.again(); n.param != nil {
				*v = n
			}
		}
	}
	for _, r := range c.rows {
		for i := range r {
			fresh(&r[i])
		}
	}
	for i := range c.sets {
		fresh(&c.sets[i].value)
	}
	for _, w := range c.where {
		for i := range w.values {
			fresh(&w.values[i])
		}
	}
	c.traits = slices.Clone(s.traits) // the values note theirs there
	return c
}

// smaller are statements with one part less, and the text in place of a
// prepared one.
func (s *statement) smaller() (out []*statement) {
	try := func(change func(*statement)) {
		c := s.clone()
		change(c)
		out = append(out, c)
	}
	if s.prepared {
		try(func(c *statement) { c.prepared = false })
	}
	for i := range s.rows {
		if len(s.rows) > 1 {
			try(func(c *statement) { c.rows = slices.Delete(c.rows, i, i+1) })
		}
	}
	for i := range s.columns {
		if len(s.columns) > 1 {
			try(func(c *statement) {
				c.columns = slices.Delete(c.columns, i, i+1)
				for j := range c.rows {
					c.rows[j] = slices.Delete(c.rows[j], i, i+1)
				}
			})
		}
	}
	for i := range s.sets {
		if len(s.sets) > 1 {
			try(func(c *statement) { c.sets = slices.Delete(c.sets, i, i+1) })
		}
	}
	for i := range s.where {
		if len(s.where) > 1 {
			try(func(c *statement) { c.where = slices.Delete(c.where, i, i+1) })
		}
		for j := range s.where[i].values {
			if len(s.where[i].values) > 1 && strings.HasSuffix(s.where[i].left, "IN (") {
				try(func(c *statement) { c.where[i].values = slices.Delete(c.where[i].values, j, j+1) })
			}
		}
	}
	for i := range s.selected {
		if len(s.selected) > 1 {
			try(func(c *statement) { c.selected = slices.Delete(c.selected, i, i+1) })
		}
	}
	if s.tail != "" {
		try(func(c *statement) { c.tail = "" })
	}
	return out
}
