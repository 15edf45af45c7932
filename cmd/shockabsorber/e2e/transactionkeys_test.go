package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// transactionKeyScripts are those of transactionScripts that find rows by unique
// keys.
var transactionKeyScripts = map[string][]scripted{
	"unique keys": {
		{refused, "BEGIN"},
		{fromRows, "SELECT * FROM pay WHERE ref = 'a'"},
		{fromRows, "SELECT * FROM pay WHERE ref = 'A'"},
		{fromRows, "SELECT * FROM pay WHERE ref = 'nobody'"},
		{updated, "UPDATE pay SET amount = amount + 1 WHERE ref = 'a'"},
		{fromRows, "SELECT id, amount FROM pay WHERE ref = 'a'"},
		{updated, "UPDATE pay SET ref = 'moved', note = 'm' WHERE ref = 'a'"},
		{fromRows, "SELECT id FROM pay WHERE ref = 'a'"},
		{fromRows, "SELECT id, ref, note FROM pay WHERE ref = 'moved'"},
		{updated, "UPDATE pay SET note = 'never' WHERE ref = 'a'"},
		{inserted, "INSERT INTO pay (ref, amount) VALUES ('a', 50)"},
		{fromRows, "SELECT id, amount FROM pay WHERE ref = 'a' FOR UPDATE"},
		{updated, "UPDATE pay SET amount = amount * 2 WHERE ref = 'a' AND amount = 50"},
		{updated, "UPDATE pay SET amount = 1 WHERE ref = 'a' AND amount = 50"},
		{deleted, "DELETE FROM pay WHERE ref = 'b'"},
		{fromRows, "SELECT * FROM pay WHERE ref = 'b'"},
		{deleted, "DELETE FROM pay WHERE ref = 'b'"},
		{refused, "SAVEPOINT s"},
		{updated, "UPDATE pay SET ref = 'b' WHERE ref = 'c'"},
		{fromRows, "SELECT id FROM pay WHERE ref = 'b' AND id = 3"},
		{refused, "ROLLBACK TO s"},
		{fromRows, "SELECT id FROM pay WHERE ref = 'b'"},
		{fromRows, "SELECT id FROM pay WHERE ref = 'c'"},
		{refused, "COMMIT"},
		{fromRows, "SELECT * FROM pay WHERE ref = 'moved'"},
		{fromRows, "SELECT * FROM pay WHERE ref = 'b'"},
		{anyhow, "SELECT * FROM pay ORDER BY id"},
	},
	"a row that comes back": {
		{refused, "BEGIN"},
		{deleted, "DELETE FROM pay WHERE id = 3"},
		{updated, "UPDATE pay SET ref = 'c' WHERE id = 1"},
		{anyhow, "INSERT INTO pay (id, ref, amount) VALUES (3, 'c', 3)"},
		{inserted, "INSERT INTO pay (id, ref, amount) VALUES (3, 'a', 3)"},
		{anyhow, "UPDATE pay SET ref = 'c' WHERE id = 3"},
		{updated, "UPDATE pay SET ref = 'z' WHERE id = 1"},
		{updated, "UPDATE pay SET ref = 'c' WHERE id = 3"},
		{refused, "COMMIT"},
		{anyhow, "SELECT * FROM pay ORDER BY id"},
	},
	"unique keys that spill": {
		{refused, "BEGIN"},
		{fromRows, "SELECT * FROM pay WHERE ref = 'a'"},
		{fromRows, "SELECT * FROM pay WHERE ref = 'nobody'"},
		{fromRows, "SELECT * FROM pay WHERE ref = 'later'"},
		{fromRows, "SELECT * FROM pay WHERE ref = 'gap' FOR UPDATE"},
		{fromRows, "SELECT * FROM pay WHERE ref = 'shared gap' LOCK IN SHARE MODE"},
		{updated, "UPDATE pay SET ref = 'moved' WHERE ref = 'b'"},
		{fromRows, "SELECT * FROM pay WHERE ref = 'b' FOR UPDATE"},
		{inserted, "INSERT INTO pay (ref) VALUES ('later')"},
		{inserted, "INSERT INTO pay (ref) VALUES ('b')"},
		{deleted, "DELETE FROM pay WHERE ref = 'c'"},
		{fromRows, "SELECT * FROM pay WHERE ref = 'c'"},
		{passed, "SELECT * FROM pay ORDER BY id"},
		{anyhow, "INSERT INTO pay (ref) VALUES ('gap')"},
		{anyhow, "SELECT * FROM pay WHERE ref = 'nobody'"},
		{anyhow, "COMMIT"},
		{anyhow, "SELECT * FROM pay ORDER BY id"},
	},
}

// transactionShadowScripts are those with statements that look at what stands in
// the way of their rows, or that MySQL computes.
var transactionShadowScripts = map[string][]scripted{
	"rows in the way": {
		{refused, "BEGIN"},
		{"upsert", "INSERT INTO pay (id, ref) VALUES (1, 'o') ON DUPLICATE KEY UPDATE amount = 77"},
		{"upsert", "INSERT INTO pay (id, ref, amount) VALUES (9, 'a', 5) ON DUPLICATE KEY UPDATE amount = amount + VALUES(amount)"},
		{"upsert", "INSERT INTO pay (id, ref, amount) VALUES (9, 'a', 82) ON DUPLICATE KEY UPDATE amount = VALUES(amount)"},
		{"upsert", "INSERT INTO pay (ref, amount) VALUES ('new', 5) ON DUPLICATE KEY UPDATE amount = amount + 1"},
		{anyhow, "SELECT LAST_INSERT_ID(), ROW_COUNT()"},
		{"upsert", "INSERT INTO pay (ref, amount) VALUES ('new', 5) ON DUPLICATE KEY UPDATE amount = amount + 1"},
		{anyhow, "SELECT LAST_INSERT_ID(), ROW_COUNT()"},
		{fromRows, "SELECT * FROM pay WHERE ref = 'new'"},
		{"replace", "REPLACE INTO pay (id, ref, note) VALUES (2, 'b', 'same')"},
		{"replace", "REPLACE INTO pay (id, ref, note) VALUES (2, 'c', 'of two')"},
		{"replace", "REPLACE INTO pay (ref, note) VALUES ('a', 'next')"},
		{fromRows, "SELECT * FROM pay WHERE id = 3"},
		{"insert", "INSERT IGNORE INTO pay (id, ref) VALUES (2, 'ignored')"},
		{anyhow, "SHOW WARNINGS"},
		{"insert", "INSERT IGNORE INTO pay (id, ref) VALUES (20, 'a')"},
		{"insert", "INSERT IGNORE INTO pay (id, ref) VALUES (20, 'stored')"},
		{anyhow, "INSERT INTO pay (id, ref) VALUES (20, 'x') ON DUPLICATE KEY UPDATE ref = 'a'"},
		{fromRows, "SELECT * FROM pay WHERE id = 20"},
		{refused, "SAVEPOINT s"},
		{"replace", "REPLACE INTO pay (id, ref) VALUES (20, 'gone')"},
		{refused, "ROLLBACK TO s"},
		{fromRows, "SELECT * FROM pay WHERE ref = 'stored'"},
		{refused, "COMMIT"},
		{anyhow, "SELECT * FROM pay ORDER BY id"},
		{inserted, "INSERT INTO pay (ref) VALUES ('counter')"},
	},
	"rows in the way that spill": {
		{refused, "BEGIN"},
		{"upsert", "INSERT INTO pay (id, ref, amount) VALUES (9, 'a', 5) ON DUPLICATE KEY UPDATE amount = amount + VALUES(amount), ref = 'a2'"},
		{"replace", "REPLACE INTO pay (id, ref, note) VALUES (2, 'c', 'of two')"},
		{"insert", "INSERT IGNORE INTO pay (id, ref) VALUES (2, 'ignored'), (30, 'a')"},
		{updated, "UPDATE pay SET id = 40 WHERE id = 2"},
		{"replace", "REPLACE INTO pay (id, ref) VALUES (41, 'c')"},
		{passed, "SELECT * FROM pay ORDER BY id"},
		{anyhow, "COMMIT"},
		{anyhow, "SELECT * FROM pay ORDER BY id"},
	},
	"computed by MySQL": {
		{refused, "BEGIN"},
		{updated, "UPDATE pay SET note = UPPER(CONCAT(ref, '-', id)), amount = ROUND(amount * 1.17, 1) WHERE id = 1"},
		{updated, "UPDATE pay SET note = UPPER(CONCAT(note, '!')) WHERE ref = 'a'"},
		{fromRows, "SELECT note, LENGTH(note), amount / 3 FROM pay WHERE id = 1"},
		{fromRows, "SELECT UPPER(ref) FROM pay WHERE ref = 'b' FOR UPDATE"},
		{updated, "UPDATE pay SET at = '20260203040506' WHERE id = 2"},
		{inserted, "INSERT INTO pay (ref, at, note) VALUES (LOWER('MIXED'), '20260203040506', REPEAT('x', 3))"},
		{anyhow, "SELECT LAST_INSERT_ID(), ROW_COUNT()"},
		{updated, "UPDATE pay SET ref = CONCAT('m', 'oved') WHERE id = 3"},
		{anyhow, "UPDATE pay SET ref = CONCAT('', 'a') WHERE id = 2"},
		{anyhow, "SHOW WARNINGS"},
		{anyhow, "UPDATE pay SET amount = 'no number' WHERE id = 2"},
		{anyhow, "UPDATE pay SET amount = 1e20 WHERE id = 2"},
		{deleted, "DELETE FROM pay WHERE id = 3 AND LENGTH(ref) = 5"},
		{fromRows, "SELECT * FROM pay WHERE ref = 'moved'"},
		{updated, "UPDATE pay SET id = id + 100 WHERE ref = 'mixed' AND UPPER(ref) = 'MIXED'"},
		{refused, "COMMIT"},
		{anyhow, "SELECT * FROM pay ORDER BY id"},
		{refused, "BEGIN"},
		{updated, "UPDATE pay SET note = REVERSE(ref) WHERE id IN (1, 2)"},
		{updated, "UPDATE pay SET note = REVERSE(ref), id = id + 50 WHERE ref = 'b'"},
		{passed, "SELECT * FROM pay ORDER BY id"},
		{anyhow, "ROLLBACK"},
		{anyhow, "SELECT * FROM pay ORDER BY id"},
	},
}

// randomMove is one statement of a random transaction on pay.
func randomMove(rnd *rand.Rand) string {
	ref := func() string { return string(rune('a' + rnd.IntN(6))) }
	id := func() int { return 1 + rnd.IntN(6) }
	lock := []string{"", "", " FOR UPDATE", " LOCK IN SHARE MODE"}[rnd.IntN(4)]
	switch rnd.IntN(20) {
	case 0:
		return fmt.Sprintf("SELECT id, ref, amount, note FROM pay WHERE ref = '%s'%s", ref(), lock)
	case 1:
		return fmt.Sprintf("SELECT id, ref, amount, note FROM pay WHERE id = %d%s", id(), lock)
	case 2:
		return fmt.Sprintf("UPDATE pay SET amount = amount + %d WHERE ref = '%s'", rnd.IntN(3), ref())
	case 3:
		return fmt.Sprintf("UPDATE pay SET ref = '%s' WHERE ref = '%s'", ref(), ref())
	case 4:
		return fmt.Sprintf("UPDATE pay SET ref = '%s' WHERE id = %d", ref(), id())
	case 5:
		return fmt.Sprintf("DELETE FROM pay WHERE ref = '%s'", ref())
	case 6:
		return fmt.Sprintf("DELETE FROM pay WHERE id = %d", id())
	case 7:
		return fmt.Sprintf("INSERT INTO pay (id, ref, amount) VALUES (%d, '%s', %d)", id(), ref(), rnd.IntN(9))
	case 8:
		return fmt.Sprintf("UPDATE pay SET id = %d WHERE ref = '%s'", id(), ref())
	case 9:
		return fmt.Sprintf("UPDATE pay SET note = CONCAT(COALESCE(note, ''), '.') WHERE ref IN ('%s', '%s') AND amount < 5", ref(), ref())
	case 10, 11:
		return "SAVEPOINT s"
	case 12:
		return fmt.Sprintf("REPLACE INTO pay (id, ref, note) VALUES (%d, '%s', 'r')", id(), ref())
	case 13:
		return fmt.Sprintf("INSERT INTO pay (id, ref, amount) VALUES (%d, '%s', 1) ON DUPLICATE KEY UPDATE amount = amount + VALUES(amount), note = 'odku'", id(), ref())
	case 14:
		return fmt.Sprintf("INSERT IGNORE INTO pay (id, ref) VALUES (%d, '%s')", id(), ref())
	case 15:
		return fmt.Sprintf("INSERT INTO pay (id, ref, note) VALUES (%d, '%s', UPPER('up')) ON DUPLICATE KEY UPDATE ref = '%s'", id(), ref(), ref())
	case 16:
		return fmt.Sprintf("UPDATE pay SET note = UPPER(CONCAT(ref, id)), amount = ROUND(amount / 3, 1) WHERE id = %d", id())
	case 17:
		return fmt.Sprintf("REPLACE INTO pay (id, ref, at) VALUES (%d, '%s', '20260203040506')", id(), ref())
	case 18:
		return fmt.Sprintf("SELECT UPPER(note), id + 1 FROM pay WHERE ref = '%s'%s", ref(), lock)
	}
	return "ROLLBACK TO s"
}

// TestTransactionRandom has one session make random transactions on six rows with
// and without the proxy: all answers are the same, byte by byte, and so is the
// table. Some transactions spill in the end.
func TestTransactionRandom(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			if s := os.Getenv("SHOCK_ABSORBER_SEED"); s != "" {
				if _, err := fmt.Sscan(s, &seed); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("seed %d", seed)
			rnd := rand.New(rand.NewPCG(seed, 1))
			b := newBench(t, backend.start(t), func(c *config.Config) { c.WriteBack.DrainRate = 300 }, transactionTables...)
			p := b.sessions(wire.CapDeprecateEOF)
			p.query(anyhow, filled...)
			for end := time.Now().Add(4 * time.Second); time.Now().Before(end) && !t.Failed(); {
				p.query(anyhow, "BEGIN")
				for range 1 + rnd.IntN(12) {
					p.query(anyhow, randomMove(rnd))
				}
				if rnd.IntN(6) == 0 {
					p.query(anyhow, "SELECT id, ref, amount, note FROM pay ORDER BY id", randomMove(rnd))
				}
				p.query(anyhow, []string{"COMMIT", "COMMIT", "ROLLBACK"}[rnd.IntN(3)])
				p.query(anyhow, "SELECT id, ref, amount, note FROM pay WHERE ref = 'a'")
			}
			b.equal("pay")
			all := transactions(t, b.p)
			if t.Logf("transactions: %v", all); all["commit:"] == 0 || all["abort:replay"] > 0 {
				t.Errorf("transactions: %v", all)
			}
		})
	}
}

// TestTransactionNames has clients of two proxies move money between accounts that
// they find by a unique name, under locks, and names to other rows. No transfer is
// lost or done by half, every name is found, and nothing of it needs MySQL.
func TestTransactionNames(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) { moveNames(t, backend.start(t)) })
	}
}

// names is the number of accounts of moveNames.
const names = 5

func moveNames(t *testing.T, db *servertest.DB) {
	f := newFleet(t, db, 2, []string{"acc"}, "CREATE TABLE acc (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL UNIQUE, n INT NOT NULL, moves INT NOT NULL)")
	for i := range names {
		mustExec(t, f.pools[0], fmt.Sprintf("INSERT INTO acc VALUES (%d, 'n%d', 100, 0)", i, i))
	}
	var moved, lost, fresh atomic.Int64
	fresh.Store(100)
	end := time.Now().Add(4 * time.Second)
	clients(6, func(c int) {
		for i := 0; time.Now().Before(end); i++ {
			id := int64(0)
			if i%5 == 4 {
				id = fresh.Add(1)
			}
			switch err := moveByName(f.pool(c), id); code(err) {
			case 0:
				if err == nil {
					moved.Add(1)
				}
			case 1213, 1205:
				lost.Add(1)
			default:
				if !errors.Is(err, errRolledBack) {
					t.Error(err)
				}
			}
		}
	})
	f.drained(t)
	for who, pool := range map[string]*sql.DB{"the proxy": f.pools[1], "MySQL": f.direct} {
		if n := count(t, pool, "SELECT SUM(n) FROM acc"); n != names*100 {
			t.Errorf("%s shows %d in all accounts", who, n)
		}
		if n := count(t, pool, "SELECT SUM(moves) FROM acc"); n != 2*int(moved.Load()) {
			t.Errorf("%s shows %d moves; the clients were told of %d", who, n, 2*moved.Load())
		}
	}
	for _, p := range f.proxies {
		if all := transactions(t, p); all["spill:"] != 0 || all["commit:"] == 0 {
			t.Errorf("transactions: %v", all)
		}
	}
	if t.Logf("%d transfers, %d were given up", moved.Load(), lost.Load()); moved.Load() == 0 {
		t.Errorf("%d transfers", moved.Load())
	}
}

// moveByName moves money from one name to another in one transaction, and where id
// is not 0 the former to a row of its own.
func moveByName(pool *sql.DB, id int64) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	from, to := fmt.Sprintf("n%d", rand.IntN(names)), fmt.Sprintf("n%d", rand.IntN(names))
	if from == to {
		return errRolledBack
	}
	var has, moves int
	if err := tx.QueryRowContext(ctx, fmt.Sprintf("SELECT n, moves FROM acc WHERE name = '%s' FOR UPDATE", from)).Scan(&has, &moves); err != nil {
		return err
	}
	by := rand.IntN(20)
	if has < by {
		return errRolledBack
	}
	do := []string{
		fmt.Sprintf("UPDATE acc SET n = n - %d, moves = moves + 1 WHERE name = '%s'", by, from),
		fmt.Sprintf("UPDATE acc SET n = n + %d, moves = moves + 1 WHERE name = '%s'", by, to),
	}
	if id != 0 {
		do = append(do, fmt.Sprintf("DELETE FROM acc WHERE name = '%s'", from), fmt.Sprintf("INSERT INTO acc VALUES (%d, '%s', %d, %d)", id, from, has-by, moves+1))
	}
	for _, s := range do {
		res, err := tx.ExecContext(ctx, s)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("%w: %s changed %d rows, %v", errTorn, s, n, err)
		}
	}
	return tx.Commit()
}
