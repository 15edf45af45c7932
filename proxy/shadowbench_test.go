package proxy

import (
	"context"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// BenchmarkShadow runs everyday statements on a table of 12 columns; "counter"
// is one that finds the row it needs in the temporary table, "roundtrip" the
// least that any statement takes.
func BenchmarkShadow(b *testing.B) {
	servers := map[string]func(testing.TB) *servertest.DB{"mariadb": servertest.MariaDB, "mysql": servertest.MySQL}
	cases := map[string]shadowCase{
		"update": {sql: "update t set n = n + 1, price = price * 1.1 where id = 1"}, "insert": {sql: "insert into t (name, n, price) values (upper('abc'), 1, 2)"},
		"counter": {sql: "update t set n = (n + 1) % 100 where id = 1"},
		"refused": {sql: "insert into t (name, n) values (repeat('x', 100), 1)"}, "select": {sql: "select id, n + 1, upper(name) from t where id = 1", reads: true},
		"prepared": {sql: "update t set n = n + ? where id = ?", params: []param{integer(1), integer(1)}},
	}
	for server, start := range servers {
		b.Run(server+"/roundtrip", func(b *testing.B) {
			bench := newShadowBench(b, start(b), baseCaps|wire.CapDeprecateEOF, "create table t (id int primary key)")
			c, err := bench.shadows.dial(context.Background(), bench.client.caps)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				c.query("DO 1", c.done)
				if err := c.flush(); err != nil {
					b.Fatal(err)
				}
			}
		})
		for name, sc := range cases {
			b.Run(server+"/"+name, func(b *testing.B) {
				bench := newShadowBench(b, start(b), baseCaps|wire.CapDeprecateEOF, `create table t (id bigint auto_increment primary key, name varchar(40), n int, price decimal(10,2), a int, b int,
 c varchar(20), d datetime, e timestamp(3) null on update current_timestamp(3), f double, g text, h varchar(100), unique key name (name), check (n < 1000000))`,
					"insert into t values (1,'somebody',5,9.99,1,2,'ccc',now(),now(),1.5,'text','more text')")
				bench.reset()
				job := bench.job(&sc, true)
				for b.Loop() {
					res, err := bench.shadows.run(context.Background(), job)
					if err != nil {
						b.Fatal(err)
					}
					if name == "counter" {
						job.rows = res.after
					}
				}
			})
		}
	}
}
