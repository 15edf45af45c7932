package sink

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Answer is what comes of a request. It is written in the transaction that
// brings it about, right behind the guarded checkpoint, so that both happen
// once: under the lane's epoch, and while the request is still open.
type Answer struct {
	Request uint64
	State   State
	Result  string
	Touched []byte // rows that have to leave the cache before the request is done

	Remove  []uint64    // ids of letters that leave
	Rewrite *DeadLetter // a letter that gets Unit, Definition and Edits of this one
	Refused *DeadLetter // a letter that gets Code and Cause of this one
}

// errAnswered says that the request is not open any more: an earlier Apply of
// the same answer has committed.
var errAnswered = errors.New("the request has its answer")

// answers writes the statements of an answer.
func answers(b *Batch, db string, limit int) []statement {
	a := b.Answer
	if a == nil {
		return nil
	}
	name := string(appendName(nil, db))
	sql := fmt.Appendf(bytes.Clone(mark(b)), "UPDATE %s.requests SET state=%s,result=", name, QuoteText(string(a.State)))
	sql = append(appendQuoted(sql, clip(a.Result, 4000)), ",touched="...)
	sql = fmt.Appendf(appendBinary(sql, a.Touched), " WHERE id=%d AND state='open'", a.Request)
	out := []statement{{sql: sql, want: 1, table: db + ".requests", op: row.Update, once: true}}
	for ids := a.Remove; len(ids) > 0; {
		n := min(len(ids), maxRows)
		out = append(out, remove(b, db, name, ids[:n])...)
		ids = ids[n:]
	}
	if a.Refused != nil {
		sql := fmt.Appendf(bytes.Clone(mark(b)), "UPDATE %s.dead_letters SET code=%d,cause=", name, a.Refused.Code)
		sql = fmt.Appendf(appendQuoted(sql, clip(a.Refused.Cause, 4000)), " WHERE id=%d AND part=0", a.Refused.ID)
		out = append(out, statement{sql: sql, want: 1, table: db + ".dead_letters", op: row.Update})
	}
	if a.Rewrite != nil {
		out = append(out, rewrite(b, db, name, a.Rewrite, limit)...)
	}
	return out
}

// remove deletes letters. Each must be there; of how many parts it is does not
// matter.
func remove(b *Batch, db, name string, ids []uint64) []statement {
	var list []byte
	for i, id := range ids {
		if i > 0 {
			list = append(list, ',')
		}
		list = strconv.AppendUint(list, id, 10)
	}
	head := fmt.Appendf(bytes.Clone(mark(b)), "DELETE FROM %s.dead_letters WHERE id IN (%s) AND part", name, list)
	table := db + ".dead_letters"
	return []statement{
		{sql: append(bytes.Clone(head), "=0"...), want: uint64(len(ids)), table: table, op: row.Delete},
		{sql: append(head, ">0"...), loose: true, table: table, op: row.Delete},
	}
}

// rewrite stores another unit in a letter, whose id, place and age stay.
func rewrite(b *Batch, db, name string, d *DeadLetter, limit int) []statement {
	units := cut(d.Unit, limit)
	table := db + ".dead_letters"
	sql := fmt.Appendf(bytes.Clone(mark(b)), "UPDATE %s.dead_letters SET parts=%d,unit=", name, len(units))
	sql = append(appendBinary(sql, units[0]), ",definition="...)
	sql = append(appendBinary(sql, d.Definition), ",edits="...)
	sql = fmt.Appendf(appendBinary(sql, d.Edits), " WHERE id=%d AND part=0", d.ID)
	out := []statement{
		{sql: fmt.Appendf(bytes.Clone(mark(b)), "DELETE FROM %s.dead_letters WHERE id=%d AND part>0", name, d.ID), loose: true, table: table, op: row.Delete},
		{sql: sql, want: 1, table: table, op: row.Update},
	}
	for p := 1; p < len(units); p++ {
		out = append(out, letterPart(b, db, d, strconv.FormatUint(d.ID, 10), p, units))
	}
	return out
}
