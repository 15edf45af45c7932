package proxy

import (
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// oneTable is a catalog of one table.
type oneTable struct{ t *schema.Table }

func (c oneTable) Version() uint64 { return 1 }
func (c oneTable) Absorbed(n schema.Name) *schema.Table {
	if n == c.t.Name {
		return c.t
	}
	return nil
}
func (c oneTable) TouchedBy(id string) []schema.Name {
	if id == c.t.Name.Table {
		return c.All()
	}
	return nil
}
func (c oneTable) WrittenBy(id string, _ bool) []schema.Name       { return c.TouchedBy(id) }
func (c oneTable) WrittenWith(n schema.Name, _ bool) []schema.Name { return c.TouchedBy(n.Table) }
func (c oneTable) All() []schema.Name                              { return []schema.Name{c.t.Name} }
func (c oneTable) Defines(string) bool                             { return false }
func (c oneTable) Indirect(string) bool                            { return false }

// paymentTable has ten columns, a key and a unique index of text, as tables of
// payments do.
func paymentTable() *schema.Table {
	text := func(name string, n int) schema.Column {
		return schema.Column{Name: name, Type: schema.Varchar, ColumnType: "varchar", Length: n, Charset: "utf8mb4", Collation: "utf8mb4_general_ci", Default: schema.DefaultNull, Scale: -1}
	}
	number := func(name string, ty schema.Type) schema.Column {
		return schema.Column{Name: name, Type: ty, ColumnType: "number", Default: schema.DefaultNull, Scale: -1}
	}
	t := &schema.Table{Name: schema.Name{DB: "app", Table: "payments"}, Dialect: schema.MySQL, Version: 1, AutoIncrement: -1,
		Columns: []schema.Column{number("id", schema.Bigint), number("user_id", schema.Bigint),
			{Name: "amount", Type: schema.Decimal, ColumnType: "decimal(12,2)", Precision: 12, Scale: 2, Default: schema.DefaultNull}, text("currency", 3), text("status", 20), text("reference", 40),
			number("attempts", schema.Int), text("note", 200), {Name: "details", Type: schema.JSON, ColumnType: "json", Default: schema.DefaultNull},
			{Name: "created", Type: schema.Datetime, ColumnType: "datetime(6)", Fsp: 6, Default: schema.DefaultNow}},
		Primary: schema.Index{Name: "PRIMARY", Columns: []int{0}, Prefix: []int{0}}, Uniques: []schema.Index{{Name: "reference", Columns: []int{5}, Prefix: []int{0}}}}
	t.Columns[0].NotNull = true
	return t
}

// BenchmarkAbsorbedInsert is all that an absorbed INSERT of ten columns costs
// but the network: the parameters of a COM_STMT_EXECUTE, the plan, the values
// converted and validated, both keys, and the encoded row and mutation.
func BenchmarkAbsorbedInsert(b *testing.B) {
	const sql = "INSERT INTO payments (id, user_id, amount, currency, status, reference, attempts, note, details, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	t := paymentTable()
	sc := shadowCase{params: []param{integer(1234567), integer(42), text("199.99"), text("EUR"), text("pending"), text("ref-2026-000123"), integer(1),
		text("a note of some words, as people write them"), text(`{"a": 1, "kind": "card", "ok": true}`), text("2026-11-22 20:01:02.123456")}}
	caps := baseCaps | wire.CapDeprecateEOF
	payload, _ := sc.executePayload(caps, true)
	st := &Stmt{SQL: sql, Params: len(sc.params)}
	planner := sqlrewrite.NewPlanner(100)
	run := func() (row.Mutation, []byte) {
		env := &sqlrewrite.Env{DB: "app", Mode: sqlrewrite.ModeStrict, Charset: "utf8mb4", ConnCollation: "utf8mb4_general_ci", Location: time.UTC, Now: time.Now(),
			Shadows: true, Version: 80400, Dialect: schema.MySQL, ForeignKeyChecks: true, UniqueChecks: true}
		ex, ok := st.Decode(payload, caps)
		if !ok {
			b.Fatal("the parameters were not read")
		}
		planned := planner.Plan([]byte(st.SQL), env, oneTable{t})
		rows, why := planned.Plan.Rows(planned.Args(ex.Params), env)
		if why != "" {
			b.Fatal(why, planned.Plan.Reason)
		}
		im := rows[0].Image
		ref, err := row.IndexRef(t, im)
		if err != nil {
			b.Fatal(err)
		}
		if _, claim, err := row.EncodeIndex(t, t.Uniques[0], [][]byte{im[5]}); err != nil || !claim {
			b.Fatal(claim, err)
		}
		return row.Mutation{Table: t.Name.String(), Key: ref.Key, Op: row.Insert, Schema: t.Version, Image: im}, im.AppendTo(make([]byte, 0, 256))
	}
	if m, encoded := run(); len(m.Image) != 10 || len(encoded) == 0 {
		b.Fatal("no mutation")
	}
	b.ReportAllocs()
	for b.Loop() {
		run()
	}
}
