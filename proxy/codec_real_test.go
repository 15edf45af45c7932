package proxy

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// TestEncodersLikeTheServer takes the server's answers apart, puts them
// together again with our own encoders, and compares the bytes.
func TestEncodersLikeTheServer(t *testing.T) {
	onReal(t, func(t *testing.T, db *servertest.DB, _ string) {
		database := db.Database(t)
		for _, caps := range []wire.Capability{baseCaps, baseCaps | wire.CapDeprecateEOF, baseCaps | wire.CapDeprecateEOF | wire.CapSessionTrack | wire.CapFoundRows,
			baseCaps&^wire.CapLongPassword | wire.CapExtendedMetadata | wire.CapDeprecateEOF} {
			c := dialRaw(t, db.Addr, "app", "secret", database, caps)
			for _, sql := range []string{"set sql_mode=''", "drop table if exists ty", allTypes, twoRows, "insert into ty(id,dtm,tm,ts,f) values (3,'2024-01-01','00:00:00','2024-01-01 10:00:00',16777216)",
				"update ty set si=si", "update ty set si=4, id=last_insert_id(id) where id=1", "insert into ty(ti) values (999)", "insert into ty(id) values (1)",
				"use " + database, "begin", "select * from nowhere", "commit", "insert into ty(ti) values (1),(2)"} {
				sameReply(t, c, sql)
			}
			sameRows(t, c)
		}
	})
}

// sameReply encodes an OK or ERR again.
func sameReply(t *testing.T, c *rawClient, sql string) {
	t.Helper()
	for _, p := range c.run(q(sql)) {
		var again []byte
		switch p[4] {
		case 0x00:
			ok, err := wire.ParseOK(p[4:], c.caps)
			if err != nil {
				t.Fatal(sql, err)
			}
			again = wire.AppendOK(nil, c.caps, ok)
		case 0xff:
			e, err := wire.ParseERR(p[4:])
			if err != nil {
				t.Fatal(sql, err)
			}
			again = wire.AppendERR(nil, e)
		}
		if !bytes.Equal(again, p[4:]) {
			t.Errorf("%s:\n server %q\n ours   %q", sql, p[4:], again)
		}
	}
}

// sameRows reads every type of column by text, encodes the rows as binary, and
// compares with what the server sends for a prepared statement.
func sameRows(t *testing.T, c *rawClient) {
	t.Helper()
	text := c.run(q("select * from ty order by id"))
	c.run(prep("select * from ty order by id"))
	binary := c.run(exec("all", 1, 0))
	n := wire.ColumnCount(text[0][4:])
	if n != 27 || len(text) != len(binary) || len(text) < n+5 {
		t.Fatalf("%d columns, %d and %d packets", n, len(text), len(binary))
	}
	columns := make([]wire.ColumnDef, n)
	for i := range columns {
		var err error
		if columns[i], err = wire.ParseColumnDef(text[1+i][4:], c.caps); err != nil {
			t.Fatal(err)
		}
		if again := wire.AppendColumnDef(nil, c.caps, &columns[i]); !bytes.Equal(again, text[1+i][4:]) {
			t.Errorf("definition:\n server %q\n ours   %q", text[1+i][4:], again)
		}
	}
	first := n + 1
	if !c.caps.Has(wire.CapDeprecateEOF) {
		first++
	}
	last := len(text) - 1
	for i := first; i < last; i++ {
		values, err := wire.ParseTextRow(nil, text[i][4:], n)
		if err != nil {
			t.Fatal(err)
		}
		if again := wire.AppendTextRow(nil, values); !bytes.Equal(again, text[i][4:]) {
			t.Errorf("text row %d differs", i)
		}
		for j := range values {
			if string(values[j]) == "16777200" { // a FLOAT's 6 digits do not hold its value
				values[j] = []byte("16777216")
			}
		}
		ours, err := wire.AppendBinaryRow(nil, columns, values)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ours, binary[i][4:]) {
			t.Errorf("binary row %d:\n text   %s\n server %x\n ours   %x", i, fmt.Sprintf("%q", values), binary[i][4:], ours)
		}
	}
	ok, err := wire.ParseEOF(text[last][4:], c.caps)
	if err != nil {
		t.Fatal(err)
	}
	if again := wire.AppendEOF(nil, c.caps, ok); !bytes.Equal(again, text[last][4:]) {
		t.Errorf("end of rows:\n server %q\n ours   %q", text[last][4:], again)
	}
}
