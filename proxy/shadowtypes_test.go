package proxy

import (
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// TestShadowParameterTypes executes one text with parameters of different
// types, as different clients do: MySQL goes on with the types that a prepared
// statement had before, so a client must not get the statement of another, and its
// first execution must be the first.
func TestShadowParameterTypes(t *testing.T) {
	onReal(t, func(t *testing.T, db *servertest.DB, _ string) {
		b := newShadowBench(t, db, baseCaps|wire.CapDeprecateEOF, "create table t (id year primary key, b bit(8), e enum('a','b','1'), n int, d decimal(9, 2))",
			"insert into t (id, b, e) values (2003, b'1', 'a')")
		for _, set := range []string{"set sql_mode = ''", "set sql_mode = 'STRICT_ALL_TABLES'"} {
			for _, params := range [][]param{
				{integer(2001), integer(7), integer(2)},
				{text("2003 "), text("7"), text("1")},
				{null(), text("x"), null()},
				{integer(2004), text("300"), text("b")},
				{double(2005), integer(5), double(1)},
				{text("2006 x"), double(300), integer(3)},
			} {
				b.compare(&shadowCase{set: set, sql: "insert ignore into t (id, b, e) values (?, ?, ?), (2002, 1, 1) on duplicate key update b = b + 1", params: params})
				b.compare(&shadowCase{set: set, sql: "insert into t (id, b, e) values (?, ?, ?)", params: params})
			}
			for _, params := range [][]param{
				{text("2003 "), double(1), text("1")},
				{text("2003 "), integer(1), integer(1)},
				{text("2004 "), integer(1), double(1)},
				{text("2004 "), text("1"), text("1e400")},
				{text("2005 "), null(), null()},
			} {
				b.compare(&shadowCase{set: set, sql: "insert ignore into t (id, n, d) values (?, ?, ?)", params: params})
			}
		}
	})
}

// TestShadowAgainLarge executes a statement for the second time on a connection that
// does not have it, with rows and a result that are more than the sockets hold: it
// meets the rows as they were, and neither side waits for the other to read.
func TestShadowAgainLarge(t *testing.T) {
	onReal(t, func(t *testing.T, db *servertest.DB, _ string) {
		b := newShadowBench(t, db, baseCaps|wire.CapDeprecateEOF, "create table t (id int primary key, b longtext)",
			"insert into t values (1, repeat('a', 8000000))", "insert into t values (2, repeat('b', 8000000))", "insert into t values (3, repeat('c', 8000000))")
		b.compare(&shadowCase{sql: "select b, id from t where id in (?, 2, 3) order by id", params: []param{integer(1)}, reads: true})
		b.compare(&shadowCase{sql: "update t set b = concat(b, ?) where id in (1, 2, 3)", params: []param{text("x")}})
	})
}
