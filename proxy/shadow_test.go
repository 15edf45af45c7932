package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// rawQueryer lets schema.Load read through a raw client.
type rawQueryer struct{ c *rawClient }

func (q rawQueryer) Query(sql string) ([][][]byte, error) {
	r := q.c.reply(q.c.run(step{cmd: wire.ComQuery, arg: []byte(sql)}))
	if r.failure != nil {
		return nil, r.failure
	}
	var rows [][][]byte
	for _, p := range r.rows {
		v, err := wire.ParseTextRow(nil, p, len(r.columns))
		if err != nil {
			return nil, err
		}
		rows = append(rows, v)
	}
	return rows, nil
}

// reply takes the packets of an answer apart.
func (c *rawClient) reply(packets [][]byte) *shadowReply {
	c.tb.Helper()
	sc := shadowConn{caps: c.caps, be: &backend{r: wire.NewReader(bytes.NewReader(bytes.Join(packets, nil)), 0)}}
	sc.be.r.Seq = packets[0][3]
	r, err := sc.reply()
	if err != nil {
		c.tb.Fatalf("%q: %v", packets, err)
	}
	return r
}

// loadTable reads the definition of a table.
func loadTable(tb testing.TB, db *servertest.DB, database, table string) *schema.Table {
	tb.Helper()
	c := dialRaw(tb, db.Addr, "root", "secret", database, baseCaps)
	defer c.nc.Close()
	c.ok("set names utf8mb4")
	want := schema.Name{DB: database, Table: table}
	cat, err := schema.Load(rawQueryer{c}, func(n schema.Name) bool { return n == want }, schema.Options{CollationExact: row.CollationExact})
	if err != nil {
		tb.Fatal(err)
	}
	if cat.Table(want) == nil {
		tb.Fatalf("no table %s", want)
	}
	return cat.Table(want)
}

// shadowCase is a statement and the session it runs in.
type shadowCase struct {
	set    string // run in the client's session first
	sql    string
	params []param // executed as a prepared statement, if not nil
	long   int     // the parameter that is sent as long data, plus 1
	reads  bool
}

// param is a parameter of a prepared statement.
type param struct {
	typ   byte
	value []byte // nil: NULL
}

// null, text, blob, integer and double make parameters.
func null() param         { return param{typ: wire.TypeNull} }
func text(s string) param { return param{wire.TypeVarString, wire.AppendString(nil, s)} }
func blob(s string) param { return param{wire.TypeBlob, wire.AppendString(nil, s)} }
func integer(n int64) param {
	return param{wire.TypeLongLong, binary.LittleEndian.AppendUint64(nil, uint64(n))}
}
func double(f float64) param {
	return param{wire.TypeDouble, binary.LittleEndian.AppendUint64(nil, math.Float64bits(f))}
}

// executePayload is the COM_STMT_EXECUTE of the case; without its types if
// they are to come from elsewhere.
func (sc *shadowCase) executePayload(caps wire.Capability, withTypes bool) (payload, types []byte) {
	p := append([]byte{wire.ComStmtExecute}, 1, 0, 0, 0, 0, 1, 0, 0, 0)
	if len(sc.params) == 0 {
		return p, nil
	}
	if caps.Has(wire.CapQueryAttributes) {
		p = wire.AppendInt(p, uint64(len(sc.params)))
	}
	nulls := make([]byte, (len(sc.params)+7)/8)
	var values []byte
	for i, v := range sc.params {
		types = append(types, v.typ, 0)
		switch {
		case v.value == nil:
			nulls[i/8] |= 1 << (i % 8)
		case sc.long != i+1:
			values = append(values, v.value...)
		}
	}
	p = append(p, nulls...)
	if !withTypes {
		return append(append(p, 0), values...), types
	}
	p = append(p, 1)
	for i := range sc.params {
		p = append(p, types[2*i], 0)
		if caps.Has(wire.CapQueryAttributes) {
			p = append(p, 0)
		}
	}
	return append(p, values...), types
}

// longData is the long data of the case by parameter.
func (sc *shadowCase) longData() [][]byte {
	if sc.long == 0 {
		return nil
	}
	long := make([][]byte, len(sc.params))
	long[sc.long-1] = sc.params[sc.long-1].value[1:]
	return long
}

// shadowBench is a table on a server, a client beside it and a pool of shadows.
type shadowBench struct {
	tb       testing.TB
	table    *schema.Table
	rows     []string // INSERTs of the rows that every case starts with
	own      *rawClient
	client   *rawClient
	shadows  *shadows
	now      time.Time
	insertID uint64
}

// newShadowBench makes the table and connects.
func newShadowBench(tb testing.TB, db *servertest.DB, caps wire.Capability, definition string, rows ...string) *shadowBench {
	tb.Helper()
	database := db.Database(tb)
	db.Exec(tb, database, definition)
	b := &shadowBench{tb: tb, rows: rows, insertID: 70, now: time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC)}
	b.table = loadTable(tb, db, database, "t")
	b.own = dialRaw(tb, db.Addr, "root", "secret", database, baseCaps)
	b.own.ok(neutralSettings)
	b.client = dialRaw(tb, db.Addr, "app", "secret", database, caps)
	b.shadows = newShadows(ShadowConfig{Backend: BackendConfig{Addr: db.Addr}, User: "root", Password: "secret"})
	tb.Cleanup(b.shadows.close)
	return b
}

// reset gives the real table its first rows again.
func (b *shadowBench) reset() {
	b.own.ok("delete from t")
	for _, r := range b.rows {
		b.own.ok(r)
	}
}

// images reads the real table.
func (b *shadowBench) images() []row.Image {
	b.tb.Helper()
	all, err := storedImages(b.table, b.own.reply(b.own.run(q(selectImages(b.table)))).rows)
	if err != nil {
		b.tb.Fatal(err)
	}
	return all
}

// session reads the client's session as the proxy does.
func (b *shadowBench) session() shadowSession {
	b.tb.Helper()
	c := b.client
	defaults := &serverDefaults{dialect: func() schema.Dialect { return b.table.Dialect }}
	r := c.reply(c.run(q(defaults.variablesQuery("") + ", DATABASE(), @@time_zone")))
	values, err := r.row(variableCount + 2)
	if err != nil {
		b.tb.Fatal(err)
	}
	v, err := parseVariables(values)
	if err != nil {
		b.tb.Fatal(err)
	}
	def, err := wire.ParseColumnDef(r.columns[0], c.caps)
	if err != nil {
		b.tb.Fatal(err)
	}
	s := shadowSession{caps: c.caps, db: string(values[variableCount]), zone: string(values[variableCount+1]), mode: v.modeText,
		client: v.client, collation: v.collation, results: v.results, increment: v.increment, offset: v.offset}
	if s.results != "" {
		name, err := rawQueryer{b.own}.Query(fmt.Sprintf("select COLLATION_NAME from information_schema.COLLATIONS where ID = %d", def.Charset))
		if err != nil {
			b.tb.Fatal(err)
		}
		s.shown = string(name[0][0])
	}
	return s
}

// job is the case as the proxy would run it.
func (b *shadowBench) job(sc *shadowCase, withTypes bool) *shadowJob {
	j := &shadowJob{table: b.table, rows: b.images(), sql: []byte(sc.sql), reads: sc.reads, now: b.now, insertID: b.insertID, lastInsertID: 31, session: b.session()}
	if sc.params != nil {
		j.execute, j.types = sc.executePayload(b.client.caps, withTypes)
		j.params, j.long = len(sc.params), sc.longData()
	}
	return j
}

// direct runs the case on the real table; again means the statement that it has
// prepared last.
func (b *shadowBench) direct(sc *shadowCase, again bool) *shadowResult {
	b.tb.Helper()
	c := b.client
	c.ok(fmt.Sprintf("set timestamp = %s, insert_id = %d, last_insert_id = 31", timestampOf(b.now), b.insertID))
	var packets [][]byte
	if sc.params == nil {
		packets = c.run(q(sc.sql))
	} else {
		if !again {
			packets = c.run(prep(sc.sql))
		}
		if again || packets[0][4] == 0 {
			if long := sc.longData(); long != nil {
				c.run(raw("long data", wire.ComStmtLongData, append(append(u32(1), byte(sc.long-1), 0), long[sc.long-1]...)...))
			}
			payload, _ := sc.executePayload(c.caps, true)
			packets = c.run(raw("execute", wire.ComStmtExecute, payload[1:]...))
		}
	}
	r := shadowRun{c: &shadowConn{}, job: &shadowJob{reads: true}}
	if err := r.answered(c.reply(packets)); err != nil {
		b.tb.Fatal(err)
	}
	if err := r.warned(c.reply(c.run(q("show warnings")))); err != nil {
		b.tb.Fatal(err)
	}
	last, err := c.reply(c.run(q("select last_insert_id()"))).row(1)
	if err == nil {
		_, err = fmt.Sscan(string(last[0]), &r.res.insertID)
	}
	if r.res.insertID == 31 {
		r.res.insertID = 0
	}
	if err != nil {
		b.tb.Fatal(err)
	}
	if !sc.reads {
		r.res.after = b.images()
	}
	return &r.res
}

// describe prints a result without what may differ: status flags about indexes.
func describe(r *shadowResult) string {
	var s strings.Builder
	const masked = wire.StatusNoIndexUsed | wire.StatusNoGoodIndexUsed
	if r.ok != nil {
		fmt.Fprintf(&s, "ok: affected %d, id %d, status %x, warnings %d, %q\n", r.ok.Affected, r.ok.InsertID, r.ok.Status&^masked, r.ok.Warnings, r.ok.Info)
	}
	for _, p := range r.columns {
		const indexed = 0x4008 // the shadow has no FULLTEXT index
		at := len(p) - 5
		p = append(binary.LittleEndian.AppendUint16(p[:at:at], binary.LittleEndian.Uint16(p[at:])&^indexed), p[at+2:]...)
		fmt.Fprintf(&s, "column %q\n", p)
	}
	for _, p := range r.rows {
		fmt.Fprintf(&s, "row %q\n", p)
	}
	if r.failure != nil {
		fmt.Fprintf(&s, "failure: %v\n", r.failure)
	} else if r.columns != nil {
		fmt.Fprintf(&s, "end: status %x, warnings %d\n", r.end.Status&^masked, r.end.Warnings)
	}
	for _, w := range r.warnings {
		fmt.Fprintf(&s, "warning: %s %d %s\n", w.level, w.code, w.message)
	}
	for _, im := range r.after {
		fmt.Fprintf(&s, "after: %q\n", im)
	}
	fmt.Fprintf(&s, "last_insert_id %d\n", r.insertID)
	return s.String()
}

// compare runs a case both ways.
func (b *shadowBench) compare(sc *shadowCase) {
	b.tb.Helper()
	if sc.set != "" {
		b.client.ok(sc.set)
	}
	for _, how := range []struct{ withTypes, again, elsewhere bool }{{true, false, false}, {false, false, false}, {true, true, false}, {true, true, true}} {
		b.reset()
		if how.elsewhere { // as on a connection that has not executed it before
			for _, c := range b.shadows.idle {
				clear(c.stmts)
			}
		}
		job := b.job(sc, how.withTypes)
		job.again = how.again
		got, err := b.shadows.run(context.Background(), job)
		if err != nil {
			b.tb.Errorf("%s: %v", sc.sql, err)
			return
		}
		if want, got := describe(b.direct(sc, how.again)), describe(got); want != got {
			b.tb.Errorf("%s: %s, again %v\n-- table:\n%s-- shadow:\n%s", sc.set, sc.sql, how.again, difference(want, got), difference(got, want))
		}
		if sc.params == nil || got.failure != nil { // its PREPARE may have failed
			return
		}
	}
}

// difference gives the lines of a that b does not have.
func difference(a, b string) string {
	var s strings.Builder
	for line := range strings.SplitSeq(a, "\n") {
		if !strings.Contains(b, line+"\n") {
			s.WriteString(line + "\n")
		}
	}
	return s.String()
}

// TestShadowLikeTable runs statements on a table and on its shadow and compares
// all there is to see: answers, result packets, warnings, rows.
func TestShadowLikeTable(t *testing.T) {
	onReal(t, func(t *testing.T, db *servertest.DB, plugin string) {
		mariaDB := plugin == wire.PluginNative
		for name, caps := range map[string]wire.Capability{
			"classic": baseCaps, "found rows": baseCaps | wire.CapDeprecateEOF | wire.CapFoundRows,
			"attributes": baseCaps | wire.CapDeprecateEOF | wire.CapQueryAttributes | wire.CapIgnoreSpace,
			"extended":   baseCaps&^wire.CapLongPassword | wire.CapDeprecateEOF | wire.CapExtendedMetadata,
		} {
			t.Run(name, func(t *testing.T) {
				if mariaDB != (name == "extended") && name == "extended" {
					t.Skip("MariaDB's")
				}
				b := newShadowBench(t, db, caps, shadowTableSQL, shadowTableRows...)
				for _, sc := range shadowCases(mariaDB) {
					b.compare(&sc)
				}
				if n := len(b.shadows.idle); n != 1 {
					t.Errorf("%d connections were left", n)
				}
			})
		}
	})
}
