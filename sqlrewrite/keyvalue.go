package sqlrewrite

import (
	"bytes"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// sameKinds refuses lists that mix numbers and strings for one column: the
// servers then compare all of them as doubles.
func (k *keyPlan) sameKinds(args []Arg) Reason {
	for i := range k.columns {
		first := args[k.tuples[0][i].slot].Kind
		for _, t := range k.tuples[1:] {
			kind := args[t[i].slot].Kind
			if numberKind(kind) != numberKind(first) || (kind == row.KindFloat) != (first == row.KindFloat) {
				return ReasonKeyValue
			}
		}
	}
	return ""
}

// numberKind reports whether a value of the kind is an exact number.
func numberKind(k row.ValueKind) bool {
	return k == row.KindInt || k == row.KindUint || k == row.KindDecimal
}

// maxComparedDigits is how long a string of digits may be that is compared
// with an integer column: up to here the comparison is exact even as doubles.
const maxComparedDigits = 15

// keyValue gives the stored form that equals a value by MySQL's comparison of
// the column with it; false if there may be none or more than one.
func keyValue(col *schema.Column, a Arg, negated bool, mode row.StoreMode) ([]byte, bool) {
	if negated {
		var ok bool
		if a, ok = negateLiteral(a); !ok {
			return nil, false
		}
	}
	if a.Kind == row.KindFloat { // some drivers send every number so
		i, ok := integral(a)
		if !ok || !numeric(col.Type) || col.Type == schema.Decimal {
			return nil, false
		}
		a = Arg{Kind: row.KindInt, Text: strconv.AppendInt(nil, i, 10)}
	}
	if !comparable(col, a) {
		return nil, false
	}
	if col.Generated { // nothing is stored there, but rows are found by it
		compared := *col
		compared.Generated = false
		col = &compared
	}
	stored, clean := row.Store(col, a, mode)
	if !clean || stored == nil {
		return nil, false
	}
	switch col.Type {
	case schema.Binary, schema.Enum, schema.Set, schema.Date:
		// Storing pads, or takes a number for a member; comparing does not.
		return stored, bytes.Equal(stored, a.Text)
	}
	return stored, true
}

// comparable reports whether comparing the column with the value is comparing
// the column with what it would store.
func comparable(col *schema.Column, a Arg) bool {
	switch col.Type {
	case schema.Tinyint, schema.Smallint, schema.Mediumint, schema.Int, schema.Bigint:
		return a.Kind == row.KindInt || a.Kind == row.KindUint || a.Kind == row.KindString && canonicalInteger(a.Text)
	case schema.Decimal:
		return numberKind(a.Kind)
	case schema.Char, schema.Varchar, schema.Text:
		// CHAR drops spaces at the end when it stores, and a collation
		// without padding would see them when it compares.
		return a.Kind == row.KindString && !bytes.HasSuffix(a.Text, []byte{' '})
	case schema.Binary, schema.Varbinary, schema.Blob:
		return a.Kind == row.KindString || a.Kind == row.KindBytes
	case schema.Enum, schema.Set:
		return a.Kind == row.KindString
	case schema.Date:
		return a.Kind == row.KindDate || a.Kind == row.KindString
	case schema.Datetime, schema.Timestamp:
		return (a.Kind == row.KindDatetime || a.Kind == row.KindString) && canonicalDatetime(a.Text, col.Fsp)
	}
	return false
}

// canonicalInteger reports whether a string is an integer as the servers print
// it, short enough to be compared exactly.
func canonicalInteger(s []byte) bool {
	d := bytes.TrimPrefix(s, []byte{'-'})
	if len(d) == 0 || len(d) > maxComparedDigits || d[0] == '0' && len(s) > 1 {
		return false
	}
	for _, c := range d {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// canonicalDatetime reports whether a text is YYYY-MM-DD hh:mm:ss with at most
// fsp fraction digits.
func canonicalDatetime(s []byte, fsp int) bool {
	const form = "0000-00-00 00:00:00"
	if len(s) < len(form) || len(s) == len(form)+1 || len(s) > len(form)+1+fsp {
		return false
	}
	for i, c := range s {
		want := byte('0')
		switch {
		case i < len(form):
			want = form[i]
		case i == len(form):
			want = '.'
		}
		if want == '0' && (c < '0' || c > '9') || want != '0' && c != want {
			return false
		}
	}
	return true
}
