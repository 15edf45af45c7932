package sqlrewrite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// keyTypes are the types of key columns that are tried, each with the values
// that its table holds.
var keyTypes = []struct{ ddl, values string }{
	{"BIGINT", "(-9223372036854775808),(-1),(0),(1),(2),(10),(9223372036854775807),(9007199254740992),(9007199254740993)"},
	{"BIGINT UNSIGNED", "(0),(1),(2),(10),(18446744073709551615),(9223372036854775808),(9223372036854775807)"},
	{"TINYINT", "(-128),(-1),(0),(1),(2),(10),(127)"},
	{"INT(5) ZEROFILL", "(0),(1),(10),(7)"},
	{"DECIMAL(10,2)", "(0),(1),(1.25),(-1.25),(10),(2)"},
	{"VARCHAR(20)", "(''),('a'),('b'),('abc'),('é'),('12'),('😀'),('it''s')"},
	{"VARCHAR(20) COLLATE utf8mb4_bin", "(''),('a'),('A'),('b'),('e'),('é'),('1'),('01')"},
	{"VARCHAR(20) CHARACTER SET latin1", "(''),('a'),('b'),('12'),('ö')"},
	{"CHAR(10)", "(''),('a'),('b'),('abc'),('12')"},
	{"VARBINARY(10)", "(''),('a'),('A'),('a '),('AB')"},
	{"BINARY(4)", "('abcd'),('a'),('AB')"},
	{"DATE", "('2020-01-02'),('2020-02-29'),('1999-12-31')"},
	{"DATETIME", "('2020-01-02 03:04:05'),('2020-01-02 00:00:00'),('2020-01-02 03:04:06')"},
	{"DATETIME(3)", "('2020-01-02 03:04:05'),('2020-01-02 03:04:05.123'),('2020-01-02 03:04:05.500')"},
	{"TIMESTAMP(6)", "('2020-01-02 03:04:05'),('2020-01-02 03:04:05.123456'),('2020-01-02 03:04:05.500000')"},
	{"ENUM('a','b','1')", "('a'),('b'),('1')"},
	{"DOUBLE", "(0),(1),(1.5)"},
	{"YEAR", "(2020),(1999),(2001)"},
	{"TIME", "('10:11:12'),('-10:11:12')"},
}

// TestKeysDifferential: whenever Keys gives no Reason, the rows it names are
// those that the server finds, whatever the connection's collation.
func TestKeysDifferential(t *testing.T) {
	both(t, func(t *testing.T, db *servertest.DB) {
		var ddl []string
		for i, k := range keyTypes {
			ddl = append(ddl, fmt.Sprintf("CREATE TABLE k%02d (k %s NOT NULL PRIMARY KEY)", i, k.ddl), fmt.Sprintf("INSERT INTO k%02d VALUES %s", i, k.values))
		}
		s := start(t, db, ddl...)
		env := s.session(modes[0], 2*time.Hour, time.Unix(1790000000, 0).UTC())
		compared, found := 0, 0
		for n, collation := range []string{"utf8mb4_general_ci", "utf8mb4_bin", "utf8mb4_unicode_ci"} {
			s.exec("SET collation_connection = " + collation)
			env.ConnCollation = collation
			k := &keyRun{server: s, env: env, p: NewPlanner(100), g: &generator{r: rand.New(rand.NewPCG(2, uint64(n)))}}
			for i := range keyTypes {
				k.table(s.cat.Table(schema.Name{DB: s.db, Table: fmt.Sprintf("k%02d", i)}))
			}
			compared += k.compared
			found += k.found
		}
		t.Logf("%d conditions compared, %d rows found", compared, found)
		if compared < 2000 || found < 300 {
			t.Error("too few conditions were compared")
		}
	})
}

// keyRun is one pass over the tables.
type keyRun struct {
	*server
	env             *Env
	p               *Planner
	g               *generator
	compared, found int
}

// table compares every literal alone, as a parameter, and in lists.
func (k *keyRun) table(t *schema.Table) {
	rows, err := k.query(k.read, "SELECT CAST(k AS CHAR) FROM "+t.Name.Table)
	if err != nil {
		k.t.Fatal(err)
	}
	have := map[row.Key]string{}
	for _, r := range rows {
		ref, err := row.EncodeKey(t, r)
		if err != nil {
			k.t.Fatal(err)
		}
		have[ref.Key] = string(r[0])
	}
	k.g.t = t
	var all []string
	for _, name := range []string{"int", "dec", "str", "time", "hex"} {
		all = append(all, pools[name]...)
	}
	all = append(all, "'1 '", "'a\\0'", "1.0", "' 1'", "'1e0'", "'2020-01-02 03:04:05.123'", "'ö'", "'E'", "NULL")
	for _, v := range all {
		for _, prepared := range []bool{false, true} {
			for _, form := range []string{"k = %s", "%s = k", "k IN (%s)", "k IN (%s, %s)"} {
				k.g.prepared, k.g.params, k.g.args = prepared, nil, nil
				k.one(t, have, k.condition(form, v, all))
			}
		}
	}
}

// condition fills a form with v, and its second place with another literal.
func (k *keyRun) condition(form, v string, all []string) string {
	fill := []any{v, k.g.pick(all)}[:strings.Count(form, "%s")]
	for i := range fill {
		if k.g.prepared && fill[i] != "NULL" && !strings.HasPrefix(fill[i].(string), "0x") {
			fill[i] = k.g.param(fill[i].(string))
		}
	}
	return fmt.Sprintf(form, fill...)
}

// one compares one condition.
func (k *keyRun) one(t *schema.Table, have map[row.Key]string, condition string) {
	text := "SELECT k FROM " + t.Name.Table + " WHERE " + condition
	st := k.p.Plan([]byte(text), k.env, k.cat)
	if st.Plan.Verb != PointRead {
		return
	}
	refs, reason := st.Plan.Keys(st.Args(k.g.args), k.env)
	if reason != "" {
		return
	}
	var ours []string
	for _, r := range refs {
		if v, ok := have[r.Key]; ok {
			ours = append(ours, v)
		}
	}
	theirs := k.select1(t, condition)
	slices.Sort(ours)
	if !slices.Equal(ours, theirs) {
		k.t.Errorf("%s: %s %v: found %q, computed %q", t.Columns[0].ColumnType, text, k.g.params, theirs, ours)
	}
	k.compared++
	k.found += len(theirs)
}

// select1 asks the session for the keys, as UTC text.
func (k *keyRun) select1(t *schema.Table, condition string) []string {
	column := "k"
	if t.Columns[0].Type == schema.Timestamp {
		column = "CONVERT_TZ(k, @@time_zone, '+00:00')"
	}
	rows, err := k.conn.QueryContext(context.Background(), "SELECT CAST("+column+" AS CHAR) FROM "+t.Name.Table+" WHERE "+condition, k.g.params...)
	if err != nil {
		k.t.Errorf("%s: %v", condition, err)
		return nil
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			k.t.Fatal(err)
		}
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}
