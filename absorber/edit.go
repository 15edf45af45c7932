package absorber

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// LetterSet is one value that an edit puts into a row of a dead letter.
type LetterSet struct {
	Row    int     `json:"row"` // from 1; 0 is 1
	Column string  `json:"column"`
	Value  *string `json:"value"` // null is NULL; 0x... is bytes in a column of bytes or bits
}

// edit puts the values of a request into the letter, each checked against the
// table as it is defined now. It gives the letter as it is to be stored: the
// unit keeps its place, its rows and its order.
func (l *letter) edit(r *sink.Request, now time.Time, current func(name string) *schema.Table) (*sink.DeadLetter, error) {
	var sets []LetterSet
	if err := json.Unmarshal(r.Argument, &sets); err != nil || len(sets) == 0 {
		return nil, fmt.Errorf("the edit names no column, or cannot be read")
	}
	edits, err := readEdits(l.Edits)
	if err != nil {
		return nil, err
	}
	for i := range sets {
		s := &sets[i]
		s.Row = max(s.Row, 1)
		if s.Row > len(l.unit.Mutations) {
			return nil, fmt.Errorf("%w: %d of %d", errNoRow, s.Row, len(l.unit.Mutations))
		}
	}
	for n := range l.unit.Mutations {
		mine := slices.DeleteFunc(slices.Clone(sets), func(s LetterSet) bool { return s.Row != n+1 })
		if len(mine) == 0 {
			continue
		}
		done, err := l.editRow(n, mine, current)
		if err != nil {
			return nil, err
		}
		for _, e := range done {
			e.Request, e.At, e.By = r.ID, now.UTC(), r.By
			edits = append(edits, e)
		}
	}
	return l.stored(edits)
}

// editRow edits one row of the letter.
func (l *letter) editRow(n int, sets []LetterSet, current func(name string) *schema.Table) ([]LetterEdit, error) {
	m := l.unit.Mutations[n]
	t := current(m.Table)
	if m.Op == row.Delete {
		return nil, fmt.Errorf("row %d is deleted by this write: there is no value to edit", n+1)
	}
	given := map[int]bool{}
	for _, s := range sets {
		if t != nil {
			given[t.Column(s.Column)] = true
		}
	}
	m, err := fit(m, l.defs, t, given)
	if err != nil {
		return nil, err
	}
	m.Image, m.Changed = m.Image.Clone(), slices.Clone(m.Changed)
	var done []LetterEdit
	for _, s := range sets {
		at := t.Column(s.Column)
		if at < 0 {
			return nil, fmt.Errorf("table %s has no column %s", m.Table, s.Column)
		}
		c := &t.Columns[at]
		stored, err := l.value(t, at, s.Value)
		if err != nil {
			return nil, err
		}
		binary := isBinary(c.ColumnType)
		done = append(done, LetterEdit{Row: n + 1, Column: c.Name, From: printable(m.Image[at], binary), To: printable(stored, binary)})
		m.Image[at] = stored
		if place, there := slices.BinarySearch(m.Changed, uint16(at)); m.Op == row.Update && !there {
			m.Changed = slices.Insert(m.Changed, place, uint16(at))
		}
	}
	l.unit.Mutations[n] = m
	l.defs = addDefinition(l.defs, m.Table, t)
	return done, nil
}

// value is what the column stores of a text that an operator gave, as strict
// mode takes it, times in UTC.
func (l *letter) value(t *schema.Table, at int, text *string) ([]byte, error) {
	c := &t.Columns[at]
	switch {
	case c.Generated:
		return nil, fmt.Errorf("column %s is computed by the database", c.Name)
	case slices.Contains(t.Primary.Columns, at):
		return nil, fmt.Errorf("column %s is part of the primary key: the row would be another one; discard the letter and write the row anew", c.Name)
	case text == nil && c.NotNull:
		return nil, fmt.Errorf("column %s takes no NULL", c.Name)
	case text == nil:
		return nil, nil
	}
	mode := row.StoreMode{Dialect: t.Dialect, Strict: true, NoZeroDate: true, NoZeroInDate: true, Location: time.UTC}
	for _, v := range readings(c, *text) {
		if stored, clean := row.Store(c, v, mode); clean {
			return slices.Clone(stored), nil
		}
	}
	return nil, fmt.Errorf("column %s (%s) does not store this value exactly as it is given: write it as the database prints it", c.Name, c.ColumnType)
}

// readings are the values that a text may stand for in a column.
func readings(c *schema.Column, text string) []row.Value {
	if digits, ok := strings.CutPrefix(text, "0x"); ok && isBinary(c.ColumnType) {
		if b, err := hex.DecodeString(digits); err == nil {
			return []row.Value{{Kind: row.KindBytes, Text: b}}
		}
	}
	out := []row.Value{{Kind: row.KindString, Text: []byte(text)}}
	if c.Type == schema.Bit {
		out = append(out, row.Value{Kind: row.KindUint, Text: []byte(text)})
	}
	return out
}

// stored is the letter with its unit encoded anew.
func (l *letter) stored(edits []LetterEdit) (*sink.DeadLetter, error) {
	out := l.DeadLetter
	var err error
	if out.Unit, err = wal.Encode(l.unit); err != nil {
		return nil, err
	}
	if out.Definition, err = json.Marshal(l.defs); err != nil {
		return nil, fmt.Errorf("encode the definition: %w", err)
	}
	if out.Edits, err = json.Marshal(edits); err != nil {
		return nil, fmt.Errorf("encode the edits: %w", err)
	}
	return &out, nil
}
