package absorber

import (
	"errors"
	"fmt"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

var (
	// ErrReplan says that the table is no longer the one the statement was
	// planned for (DDL, enable, disable): plan the statement again.
	ErrReplan = errors.New("the table's definition has changed")
	// ErrShut says that the table's gate is shut: nothing of it is pending, and
	// MySQL itself answers reads until the gate opens.
	ErrShut = errors.New("the table's gate is shut")
	// ErrLockWait says that a gate or a barrier did not open in time.
	ErrLockWait = errors.New("lock wait timeout exceeded")
	// ErrBacklog says that the backlog is full and on_full is "reject", or the
	// wait of "block" has ended.
	ErrBacklog = errors.New("the backlog is full")
)

// ReasonTooLarge refuses a write that the queue would not take: behind it, the
// lane would stand still for ever.
const ReasonTooLarge = "unit_too_large"

// Refused says that a statement cannot be absorbed after all, for a cause that
// shows only with its values at hand. Nothing was written: send the statement
// to MySQL inside the closed gate.
type Refused struct{ Reason string }

// Error names the reason.
func (r *Refused) Error() string { return "not absorbable: " + r.Reason }

// Duplicate is error 1062: a row or a pending row holds the value already.
type Duplicate struct {
	Table  *schema.Table
	Index  string // "PRIMARY" or the index's name
	Values [][]byte
	Row    int // which row of an INSERT, from 0
}

// Error is the server's own text for 1062.
func (d *Duplicate) Error() string {
	entry := ""
	for _, v := range d.Values {
		if entry != "" { // nothing stands for an empty value at the beginning
			entry += "-"
		}
		entry += string(v)
	}
	key := d.Index
	if d.Table.Dialect == schema.MySQL {
		key = d.Table.Name.Table + "." + key
	}
	return fmt.Sprintf("Duplicate entry '%s' for key '%s'", entry, key)
}

// maxPlainEntry is the longest entry whose text is certainly the server's:
// MySQL cuts the value at 64 characters and escapes what is not printable.
const maxPlainEntry = 60

// plain reports whether Error's text is certainly what the server would say.
// Where it is not, the statement goes to MySQL, which then says it itself.
func (d *Duplicate) plain(ix schema.Index) bool {
	n := 0
	for i, v := range d.Values {
		n += len(v) + 1
		switch c := &d.Table.Columns[ix.Columns[i]]; c.Type {
		case schema.Tinyint, schema.Smallint, schema.Mediumint, schema.Int, schema.Bigint,
			schema.Decimal, schema.Date, schema.Datetime, schema.Varchar, schema.Char:
			if c.Zerofill {
				return false
			}
		default:
			return false
		}
		for _, b := range v {
			if b < 0x20 || b > 0x7e {
				return false
			}
		}
	}
	return n <= maxPlainEntry
}

// duplicate is the error of a clash on ix: the server's own text, or a refusal
// where that text is not certain.
func duplicate(t *schema.Table, ix schema.Index, im row.Image) error {
	d := &Duplicate{Table: t, Index: ix.Name}
	for _, c := range ix.Columns {
		d.Values = append(d.Values, im[c])
	}
	if !d.plain(ix) {
		return &Refused{Reason: "duplicate_text"}
	}
	return d
}
