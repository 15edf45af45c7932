package crash

import (
	"errors"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// wrote makes a write that was acknowledged in a span of seconds.
func wrote(table, name string, key int, call, ret time.Duration, how outcome) *write {
	return &write{name: name, table: table, key: key, call: call * time.Second, ret: ret * time.Second, outcome: how}
}

// TestLedger: the comparison finds each kind of mistake, and none where there
// is none. MySQL is filled by hand.
func TestLedger(t *testing.T) {
	w := &world{t: t, db: servertest.MariaDB(t), began: time.Now().Add(-time.Minute)}
	w.database = w.db.Database(t)
	w.db.Exec(t, w.database, tables...)
	w.direct = w.db.Open(t, w.database)
	good := func() *round {
		r := &round{w: w, report: func(string, ...any) {}, number: 1, keys: 1}
		r.writes = []*write{
			wrote("counter", "a", 1000, 1, 2, acknowledged), wrote("counter", "b", 1000, 3, 4, acknowledged), wrote("counter", "c", 1000, 1, 9, refused),
			wrote("trail", "d", 1000, 1, 2, acknowledged), wrote("trail", "e", 1000, 3, 9, unknown), wrote("trail", "f", 1000, 5, 6, acknowledged),
			wrote("pair", "g", 1000, 1, 2, acknowledged), wrote("balance", "h", 1000, 1, 2, acknowledged),
			{name: "i", table: "entry", client: 100, key: 1, id: 7, call: 1, ret: 2}, {name: "j", table: "entry", client: 100, key: 2, id: 8, call: 1, ret: 2},
			{name: "k", table: "entry", client: 100, key: 2, id: 8, remove: true, call: 3, ret: 4},
		}
		r.looks = []look{
			{table: "counter", key: 1000, there: true, n: 1, call: 2100 * time.Millisecond, ret: 5 * time.Second},
			{table: "trail", key: 1000, there: true, n: 2, text: "d,e,", call: 4 * time.Second, ret: 5 * time.Second},
			{table: "trail", key: 1000, there: true, direct: true, n: 1, text: "d,", call: 8 * time.Second, ret: 9 * time.Second},
			{table: "entry", key: 2, id: 8, call: 5, ret: 6},
		}
		return r
	}
	fill := []string{"DELETE FROM counter", "DELETE FROM trail", "DELETE FROM pair", "DELETE FROM balance", "DELETE FROM entry",
		"INSERT INTO counter VALUES (1000, 2, 'b')", "INSERT INTO trail VALUES (1000, 3, 'd,e,f,')", "INSERT INTO pair VALUES (1000, 1), (1500, 1)",
		"INSERT INTO balance VALUES (1000, 1, 'h')", "INSERT INTO entry VALUES (7, 100, 1, 'i')"}
	for _, c := range []struct {
		name   string
		sql    string
		change func(r *round)
		want   func(v tally) int
	}{
		{"an increment is lost", "UPDATE counter SET n = 1", nil, func(v tally) int { return v.lost }},
		{"an increment is doubled", "UPDATE counter SET n = 3", nil, func(v tally) int { return v.doubled }},
		{"an older write came last", "UPDATE counter SET last = 'a'", nil, func(v tally) int { return v.disordered }},
		{"a refused write came last", "UPDATE counter SET last = 'c'", nil, func(v tally) int { return v.other }},
		{"the row is gone", "DELETE FROM trail", nil, func(v tally) int { return v.lost }},
		{"an update is lost", "UPDATE trail SET n = 2, ops = 'd,e,'", nil, func(v tally) int { return v.lost }},
		{"an update is doubled", "UPDATE trail SET n = 4, ops = 'd,d,e,f,'", nil, func(v tally) int { return v.doubled }},
		{"an unknown update is doubled", "UPDATE trail SET n = 4, ops = 'd,e,e,f,'", nil, func(v tally) int { return v.doubled }},
		{"updates are in another order", "UPDATE trail SET ops = 'f,e,d,'", nil, func(v tally) int { return v.disordered }},
		{"an unknown update was seen and is gone", "UPDATE trail SET n = 2, ops = 'd,f,'", nil, func(v tally) int { return v.stale }},
		{"half of a unit", "UPDATE pair SET n = 0 WHERE id = 1500", nil, func(v tally) int { return v.other }},
		{"an upsert is doubled", "UPDATE balance SET n = 2", nil, func(v tally) int { return v.doubled }},
		{"an entry is lost", "DELETE FROM entry", nil, func(v tally) int { return v.lost }},
		{"a deleted entry is there", "INSERT INTO entry VALUES (8, 100, 2, 'j')", nil, func(v tally) int { return v.lost }},
		{"an entry nobody wrote", "INSERT INTO entry VALUES (9, 100, 9, 'x')", nil, func(v tally) int { return v.other }},
		{"an entry with another id", "UPDATE entry SET id = 6", nil, func(v tally) int { return v.other }},
		{"an old read", "", func(r *round) { r.looks[0].n = 0 }, func(v tally) int { return v.stale }},
		{"a read from the future", "", func(r *round) { r.looks[0].n, r.looks[0].ret = 2, 2500*time.Millisecond }, func(v tally) int { return v.stale }},
		{"a read that is no prefix", "", func(r *round) { r.looks[1].text = "e,d," }, func(v tally) int { return v.stale }},
		{"MySQL goes back", "", func(r *round) {
			r.looks = append(r.looks, look{table: "trail", key: 1000, there: true, direct: true, call: 10 * time.Second, ret: 11 * time.Second})
		}, func(v tally) int { return v.disordered }},
		{"an entry vanished", "", func(r *round) { r.looks[3].id = 7 }, func(v tally) int { return v.stale }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.db.Exec(t, w.database, fill...)
			if v := good().verify(); v.bad() {
				t.Fatalf("before: %v", v)
			}
			if c.sql != "" {
				w.db.Exec(t, w.database, c.sql)
			}
			r := good()
			if c.change != nil {
				c.change(r)
			}
			if v := r.verify(); c.want(v) == 0 {
				t.Errorf("not found: %v", v)
			}
		})
	}
}

// TestClassify: only what says that nothing was written counts as refused.
func TestClassify(t *testing.T) {
	for code, want := range map[uint16]outcome{1297: refused, 2003: refused, 2006: refused, 1180: unknown, 2013: unknown, 1105: unknown} {
		if got := classify(&mysql.MySQLError{Number: code}); got != want {
			t.Errorf("%d: %v", code, got)
		}
	}
	if classify(errors.New("connection reset")) != unknown || classify(nil) != acknowledged {
		t.Error("a broken connection says nothing, and no error is an acknowledgement")
	}
}
