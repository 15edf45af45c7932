package absorber

import (
	"fmt"
	"strconv"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/sink"
)

// lockFree leaves out rows that a foreign key's check would wait for.
var lockFree = map[schema.Dialect]string{schema.MySQL: " FOR SHARE SKIP LOCKED", schema.MariaDB: " LOCK IN SHARE MODE SKIP LOCKED"}

// reached is what MySQL must have for its word on rows to count: every unit of
// the lane up to the LSN. A server that took over with less, or one that was
// the primary until a moment ago, lacks rows that were settled and have left
// the cache.
type reached struct {
	lane row.Lane
	lsn  row.LSN
}

// load is one SELECT in the making.
type load struct {
	t     *schema.Table
	ix    schema.Index
	lock  bool
	at    reached
	keys  map[string][][]byte // encoded index value -> stored column values
	done  chan struct{}
	found map[string]row.Image
	err   error
}

// sql builds the SELECT of a batch. The lane's checkpoint stands in front of
// each row, and by itself if there is none: one statement sees one state of the
// database. A composite index is asked for by OR, which both servers turn into
// a range scan; row constructors are not one on MariaDB.
func (b *load) sql(checkpoints string) (string, error) {
	t := b.t
	sql := append(make([]byte, 0, 256+32*len(b.keys)), "SELECT "...)
	if b.lock {
		sql = append(sql, "NULL"...)
	} else {
		sql = append(sql, "(SELECT lsn FROM "+checkpoints+" WHERE lane="+sink.QuoteText(string(b.at.lane))+")"...)
	}
	for i := range t.Columns {
		name := "r." + sink.QuoteName(t.Columns[i].Name)
		if t.Columns[i].Type == schema.Float { // the text of a FLOAT has 6 digits, of a DOUBLE all
			name = "(" + name + "*1e0)"
		}
		sql = append(sql, ","+name...)
	}
	table := sink.QuoteName(t.Name.DB) + "." + sink.QuoteName(t.Name.Table) + " r"
	if b.lock {
		sql = append(sql, " FROM "+table+" WHERE "...)
	} else {
		sql = append(sql, " FROM (SELECT 1) one LEFT JOIN "+table+" ON "...)
	}
	join := ""
	for _, v := range b.keys {
		sql = append(sql, join...)
		join = " OR "
		for i, ci := range b.ix.Columns {
			sql = append(sql, [2]string{"(r.", " AND r."}[min(i, 1)]...)
			sql = append(append(sql, sink.QuoteName(t.Columns[ci].Name)...), '=')
			var err error
			if sql, err = sink.AppendLiteral(sql, &t.Columns[ci], v[i]); err != nil {
				return "", fmt.Errorf("read %s from MySQL: %w", t.Name, err)
			}
		}
		sql = append(sql, ')')
	}
	if b.lock {
		sql = append(sql, lockFree[t.Dialect]...)
	}
	return string(sql), nil
}

// suffices reports an error if MySQL lacks units that it must have.
func (b *load) suffices(res []row.Image) error {
	if b.lock {
		return nil
	}
	var lsn uint64
	if text := res[0][0]; text != nil { // NULL: nothing was ever drained there
		var err error
		if lsn, err = strconv.ParseUint(string(text), 10, 64); err != nil {
			return fmt.Errorf("read the checkpoint: %w", err)
		}
	}
	if row.LSN(lsn) >= b.at.lsn {
		return nil
	}
	return &row.Error{Op: opLoad, Lane: b.at.lane, LSN: b.at.lsn, Kind: row.Transient,
		Err:  fmt.Errorf("this MySQL has units up to %d only, and what is in %s depends on those up to %d", lsn, b.t.Name, b.at.lsn),
		Hint: "MySQL has failed over to a server that lags, or was restored; if it does not catch up, status names what is missing"}
}

// collect takes the rows out of the answer, by encoded value of the index.
func (b *load) collect(res []row.Image) (map[string]row.Image, error) {
	found := make(map[string]row.Image, len(res))
	for _, im := range res {
		im = im[1:] // the checkpoint
		if im[b.t.Primary.Columns[0]] == nil {
			continue // the row that says that there is none
		}
		var err error
		for i := range b.t.Columns {
			if b.t.Columns[i].Type == schema.Float && im[i] != nil {
				if im[i], err = exactFloat(im[i]); err != nil {
					return nil, fmt.Errorf("read %s from MySQL: %w", b.t.Name, err)
				}
			}
		}
		enc, err := indexValue(b.t, b.ix, im)
		if err != nil {
			return nil, err
		}
		found[enc] = im
	}
	return found, nil
}

// exactFloat turns the 17 digits of a float32 read as a double into the
// shortest decimal that reads back as the same float32.
func exactFloat(text []byte) ([]byte, error) {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return nil, fmt.Errorf("float %q: %w", text, err)
	}
	return row.FormatFloat32(float32(f)), nil
}
