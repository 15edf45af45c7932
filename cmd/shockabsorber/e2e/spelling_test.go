package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/rawclient"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// spellings are ways to name table pay, with the own database for a $. Not all
// are names to both servers.
var spellings = []string{
	"pay", "`pay`", "$.pay", "`$`.`pay`", "`$`.pay", "$ . pay", "$ /* c */ . /* d */ pay", "$.`pay`", "/**/pay/**/", "-- c\n pay", "# c\n pay", "/*! pay */", "/*!50000 pay */", "/*!50000 $.*/pay", "/*M! pay */", "/*M!100000 pay */", "/*!999999 nothing */ pay", "/*M!999999 nothing */ pay",
	"PAY", "`Pay`", "$.PAY", `"pay"`, `"$"."pay"`, "pay_view", "$.pay_view", "`pay_view`", "view_of_view", "$.pay`", "pay AS p", "pay p", "pay AS `p q`", "pay AS PAY", "(pay)",
}

// TestSpelling: however a statement names an absorbed table, it sees the writes
// that are pending, and a write by that name is seen by what is read from memory.
func TestSpelling(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			spelling(t, backend.start(t))
		})
	}
	t.Run("lower_case_table_names=1", func(t *testing.T) {
		spelling(t, servertest.OwnMariaDB(t, "--lower-case-table-names=1"))
	})
}

// same runs statements on both sides and compares the answers alone. A $ is the
// own database.
func (p *pair) same(statements ...string) {
	p.t.Helper()
	for _, s := range statements {
		direct := p.directly.query(strings.ReplaceAll(s, "$", p.direct))
		proxied := p.proxy.query(strings.ReplaceAll(strings.ReplaceAll(s, "$", p.proxied), p.direct, p.proxied))
		for i, packet := range proxied {
			proxied[i] = bytes.ReplaceAll(packet, []byte(p.proxied), []byte(p.direct))
		}
		if d := rawclient.Differing(direct, proxied); d != "" {
			p.t.Errorf("%.200s%s", s, d)
		}
	}
}

// spelling tries all spellings on a server.
func spelling(t *testing.T, db *servertest.DB) {
	b := newBench(t, db, nil, append(sessionTables[:len(sessionTables):len(sessionTables)],
		"CREATE TABLE seen (n INT NOT NULL AUTO_INCREMENT PRIMARY KEY, amount DECIMAL(12,2))",
		"CREATE VIEW pay_view AS SELECT * FROM pay", "CREATE VIEW view_of_view AS SELECT * FROM pay_view")...)
	p := b.sessions(wire.CapDeprecateEOF)
	p.query(inserted, "INSERT INTO pay (id, ref, amount) VALUES (1, 'one', 0), (2, 'two', 0)")
	try := func(name string) {
		p.t.Helper()
		for i, s := range []string{"SELECT SUM(amount) FROM %", "UPDATE % SET amount = amount + 1 WHERE id > 0", "INSERT INTO % (id, ref) VALUES (3, 'three')", "DELETE FROM % WHERE id = 3"} {
			sql := strings.ReplaceAll(s, "%", strings.ReplaceAll(name, "$", p.direct))
			p.same(fmt.Sprintf("UPDATE $.pay SET amount = amount + %d WHERE id IN (1, 2)", i), sql, "SELECT amount FROM $.pay WHERE id = 1", "SELECT * FROM $.pay WHERE id = 3")
		}
	}
	for _, name := range spellings {
		try(name)
	}
	p.query(anyhow, "SET sql_mode = 'ANSI_QUOTES'")
	for _, name := range []string{`"pay"`, `"$"."pay"`, `$."pay"`, `"pay" AS "p q"`} {
		try(name)
	}
	p.says(anyhow, "SET sql_mode = DEFAULT", "USE information_schema")
	try("$.pay")
	try("pay")
	p.says(anyhow, "USE $")
	for _, s := range []string{
		"EXPLAIN FORMAT=JSON UPDATE pay SET amount = 5 WHERE id = 2", "PREPARE s FROM 'UPDATE `pay` SET amount = amount * 2 WHERE id < 3'", "EXECUTE s", "PREPARE s FROM 'SELECT SUM(amount) FROM /*! `pay` */'", "EXECUTE s", "SET @t = 'pay'", "SET @s = CONCAT('SELECT SUM(amount) FROM ', @t)", "PREPARE s FROM @s", "EXECUTE s",
		"EXECUTE IMMEDIATE CONCAT('UPDATE p', 'ay SET amount = 44 WHERE id = 1')", "CALL raise_all(1)", "/*!50000 UPDATE */ pay SET amount = amount + 1 WHERE id = 1", "/*! UPDATE pay SET amount = amount + 1 WHERE id = 1 */", "SELECT 1 /*! , (SELECT SUM(amount) FROM pay) */", "SELECT 1; /*! UPDATE pay SET amount = 3 */", "SET @x = (SELECT SUM(amount) FROM pay)", "SELECT @x",
		"INSERT INTO seen (amount) SELECT amount FROM `pay`", "DO (SELECT 1 FROM pay WHERE id = 1 FOR UPDATE)", "WITH w AS (SELECT * FROM `pay`) SELECT SUM(amount) FROM w", "CREATE TABLE copy AS SELECT id, amount FROM $.pay", "SELECT * FROM copy ORDER BY id", "DROP TABLE copy", "SELECT pay.amount, $.pay.id FROM $.pay WHERE $.pay.id = 1", "UPDATE pay AS a JOIN pay AS b USING (id) SET a.amount = b.amount + 1", "DELETE a FROM pay AS a WHERE a.id = 77", "HANDLER pay OPEN AS h", "HANDLER h READ FIRST", "HANDLER h CLOSE",
		"BEGIN NOT ATOMIC UPDATE pay SET amount = 8 WHERE id = 1; END", "ALTER TABLE pay RENAME TO paid_", "SELECT SUM(amount) FROM paid_", "INSERT INTO paid_ (id, ref) VALUES (9, 'nine')", "SELECT * FROM paid_ WHERE id = 9", "RENAME TABLE paid_ TO pay", "SELECT SUM(amount) FROM pay WHERE id > 0",
	} {
		p.same("UPDATE pay SET amount = amount + 1 WHERE id IN (1, 2)", s, "SELECT amount FROM pay WHERE id = 1")
	}
	b.equal("pay", "seen")
}
