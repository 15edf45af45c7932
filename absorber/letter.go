package absorber

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// letter is a dead letter, read.
type letter struct {
	sink.DeadLetter
	unit *row.Unit
	defs []definition
}

// openLetter reads a dead letter.
func openLetter(d *sink.DeadLetter) (*letter, error) {
	u, err := wal.Decode(d.Unit)
	if err != nil {
		return nil, fmt.Errorf("dead letter %d is damaged: %w", d.ID, err)
	}
	u.LSN, u.Lane = d.LSN, d.Lane
	defs, err := readDefinitions(d.Definition)
	if err != nil {
		return nil, err
	}
	return &letter{DeadLetter: *d, unit: u, defs: defs}, nil
}

// changes gives what the letter does, under the tables' present definitions.
func (l *letter) changes(current func(name string) *schema.Table) ([]sink.Change, error) {
	out := make([]sink.Change, len(l.unit.Mutations))
	for i, m := range l.unit.Mutations {
		t := current(m.Table)
		fitted, err := fit(m, l.defs, t, nil)
		if err != nil {
			return nil, fmt.Errorf("dead letter %d: %w", l.ID, err)
		}
		out[i] = sink.Change{Table: t, LSN: l.LSN, Mutation: fitted}
	}
	return out, nil
}

// LetterRow is one row of a dead letter, for an operator.
type LetterRow struct {
	Table   string
	Op      string
	SQL     string // what a retry would do; "" if Err says why there is none
	Err     string
	Columns []LetterColumn
}

// LetterColumn is a value of a row.
type LetterColumn struct {
	Name    string
	Value   *string // nil is NULL; bytes that are no text stand as 0x...
	Changed bool    // an UPDATE sets it
}

// LetterEdit is one change that an operator made to a dead letter.
type LetterEdit struct {
	Request uint64    `json:"request"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Row     int       `json:"row"` // from 1
	Column  string    `json:"column"`
	From    *string   `json:"from"` // nil is NULL
	To      *string   `json:"to"`
}

// LetterDetail is what a dead letter holds.
type LetterDetail struct {
	Accepted time.Time
	Rows     []LetterRow
	Edits    []LetterEdit
}

// Detail reads a dead letter for an operator. current gives a table as it is
// defined now, nil if it is not known.
func Detail(d *sink.DeadLetter, current func(name string) *schema.Table) (*LetterDetail, error) {
	l, err := openLetter(d)
	if err != nil {
		return nil, err
	}
	out := &LetterDetail{Accepted: time.UnixMilli(l.unit.AcceptedMs)}
	if out.Edits, err = readEdits(d.Edits); err != nil {
		return nil, err
	}
	for i := range l.unit.Mutations {
		out.Rows = append(out.Rows, l.row(i, current))
	}
	return out, nil
}

// row describes one row of the letter.
func (l *letter) row(i int, current func(name string) *schema.Table) LetterRow {
	m := l.unit.Mutations[i]
	out := LetterRow{Table: m.Table, Op: m.Op.String()}
	t := current(m.Table)
	if fitted, err := fit(m, l.defs, t, nil); err != nil {
		out.Err = err.Error()
	} else if text, err := sink.Text([]sink.Change{{Table: t, LSN: l.LSN, Mutation: fitted}}); err != nil {
		out.Err = err.Error()
	} else {
		out.SQL = text[0]
	}
	names := make([]string, len(m.Image))
	binary := make([]bool, len(m.Image))
	if was := findDefinition(l.defs, m.Table, m.Schema); was != nil && len(was.Columns) == len(names) {
		for c := range names {
			names[c], binary[c] = was.Columns[c].Name, isBinary(was.Columns[c].Type)
		}
	} else if t != nil && t.Version == m.Schema {
		for c := range names {
			names[c], binary[c] = t.Columns[c].Name, isBinary(t.Columns[c].ColumnType)
		}
	}
	changed := map[int]bool{}
	for _, c := range m.Changed {
		changed[int(c)] = true
	}
	for c, v := range m.Image {
		if names[c] == "" {
			names[c] = fmt.Sprintf("#%d", c+1)
		}
		out.Columns = append(out.Columns, LetterColumn{Name: names[c], Value: printable(v, binary[c]), Changed: changed[c]})
	}
	return out
}

// isBinary reports whether a column's values are bytes.
func isBinary(columnType string) bool {
	f := family(columnType)
	return f == "bytes" || f == "bit"
}

// printable is a stored value for people, nil for NULL.
func printable(v []byte, binary bool) *string {
	if v == nil {
		return nil
	}
	s := string(v)
	if binary {
		s = fmt.Sprintf("0x%X", v)
	}
	return &s
}

// readEdits reads the edits of a letter.
func readEdits(text []byte) ([]LetterEdit, error) {
	var out []LetterEdit
	if len(text) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("the edits of the dead letter cannot be read: %w", err)
	}
	return out, nil
}

// Text gives a unit of the WAL as plain SQL. table gives the definition that a
// mutation was made under.
func Text(u *row.Unit, table func(name string, version uint32) *schema.Table) ([]string, error) {
	changes := make([]sink.Change, len(u.Mutations))
	for i, m := range u.Mutations {
		t := table(m.Table, m.Schema)
		if t == nil {
			return nil, fmt.Errorf("table %s is not known in the definition the write was accepted under", m.Table)
		}
		changes[i] = sink.Change{Table: t, LSN: u.LSN, Mutation: m}
	}
	return sink.Text(changes)
}

// errNoRow says that an edit names a row that the letter does not have.
var errNoRow = errors.New("the dead letter has no such row")
