package e2e

import (
	"database/sql"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// TestGateLostConnection: MySQL restarts while a session's first statement that
// goes there waits for the gate of its table. The connection that it was to run on, in whose name the gate is
// held, has gone: the statement must not run on another, without the gate.
func TestGateLostConnection(t *testing.T) {
	db := servertest.MariaDB(t)
	b := newBench(t, db, nil, "CREATE TABLE counted (id INT PRIMARY KEY, n INT NOT NULL)")
	db.Exec(t, b.proxied, "INSERT INTO counted VALUES (1, 0)")
	waiting, other := dialPackets(t, b.p.Proxy, b.proxied, 0), dialPackets(t, b.p.Proxy, b.proxied, 0)
	block, err := db.Open(t, b.proxied).Begin() // what is pending cannot drain
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = block.Rollback() }()
	if _, err := block.Exec("SELECT n FROM counted WHERE id = 1 FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	other.ok("UPDATE counted SET n = n + 1 WHERE id = 1")
	told := make(chan uint16, 1)
	go func() {
		code := uint16(0)
		if e := waiting.refusal("UPDATE counted SET n = n + 100 WHERE id IN (SELECT 1)"); e != nil {
			code = e.Code
		}
		told <- code
	}()
	until(t, "the gate to be closed", func() bool {
		text, err := ask(b.redis.Addr, "get", "sa:{main}:t:"+b.proxied+".counted")
		return err == nil && text[len(text)-1] == 'c'
	})
	time.Sleep(200 * time.Millisecond) // longer than a connection is trusted without a look
	db.Kill()
	db.Restart(t)
	if code := <-told; code == 0 {
		t.Error("the statement ran on a connection for which no gate was closed")
	}
	until(t, "the row to be written again", func() bool {
		return dialPackets(t, b.p.Proxy, b.proxied, 0).refusal("UPDATE counted SET n = n + 1 WHERE id = 1") == nil
	})
	if got := dialPackets(t, b.p.Proxy, b.proxied, 0).answer("SELECT n FROM counted WHERE id = 1"); got != "2" {
		t.Errorf("the row holds %s after two increments and a statement that was refused", got)
	}
}

// heldRow makes a table of one row, on which MySQL has run lock in a transaction
// that is still open.
func heldRow(t *testing.T, db *servertest.DB, lock string) (b *bench, direct *sql.DB, block *sql.Tx) {
	t.Helper()
	b = newBench(t, db, nil, "CREATE TABLE counted (id INT PRIMARY KEY, n INT NOT NULL)")
	db.Exec(t, b.proxied, "INSERT INTO counted VALUES (1, 0)")
	direct = db.Open(t, b.proxied)
	block, err := direct.Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = block.Rollback() })
	if _, err := block.Exec(lock); err != nil {
		t.Fatal(err)
	}
	return b, direct, block
}

// TestGateKeptByRedis: Redis dies while a statement runs behind the gate, which
// then cannot be opened. The statement is done, and the client is told what MySQL
// says of it.
func TestGateKeptByRedis(t *testing.T) {
	db := servertest.MariaDB(t)
	b, direct, block := heldRow(t, db, "SELECT n FROM counted WHERE id = 1 FOR UPDATE")
	c := dialPackets(t, b.p.Proxy, b.proxied, 0)
	told := make(chan *wire.ErrPacket, 1)
	go func() { told <- c.refusal("UPDATE counted SET n = n + 100 WHERE id IN (SELECT 1)") }()
	until(t, "the statement to wait for the row", func() bool {
		select {
		case e := <-told:
			t.Fatalf("the statement did not wait: %v", e)
		default:
		}
		return count(t, direct, "SELECT COUNT(*) FROM information_schema.processlist WHERE command = 'Query' AND info LIKE 'UPDATE counted%'") > 0
	})
	b.redis.Kill()
	if err := block.Rollback(); err != nil {
		t.Fatal(err)
	}
	if e := <-told; e != nil {
		t.Errorf("MySQL has done the statement, and the client was told %v", e)
	}
	if n := count(t, direct, "SELECT n FROM counted WHERE id = 1"); n != 100 {
		t.Errorf("the row holds %d", n)
	}
	b.redis.Restart()
	until(t, "the row to be written again, once the gate's lease has ended", func() bool {
		return dialPackets(t, b.p.Proxy, b.proxied, 0).refusal("UPDATE counted SET n = n + 1 WHERE id = 1") == nil
	})
	if got := dialPackets(t, b.p.Proxy, b.proxied, 0).answer("SELECT n FROM counted WHERE id = 1"); got != "101" {
		t.Errorf("the row reads as %s", got)
	}
}

// TestSpillKeptByRedis: a transaction that is kept here has to move to MySQL, and
// cannot, since a row of it has another value there; Redis dies meanwhile, and the
// gates that the move has closed cannot be opened. The transaction is gone all the
// same, and that is what the client is told, as of a deadlock: not an error that
// says nothing of it.
func TestSpillKeptByRedis(t *testing.T) {
	db := servertest.MariaDB(t)
	b, direct, block := heldRow(t, db, "UPDATE counted SET n = 50 WHERE id = 1")
	c := dialPackets(t, b.p.Proxy, b.proxied, 0)
	c.ok("BEGIN")
	c.ok("UPDATE counted SET n = n + 1 WHERE id = 1")
	told := make(chan *wire.ErrPacket, 1)
	go func() { told <- c.refusal("SELECT COUNT(*) FROM counted") }()
	until(t, "the replay to wait for the row", func() bool {
		select {
		case e := <-told:
			t.Fatalf("the replay did not wait: %v", e)
		default:
		}
		return count(t, direct, "SELECT COUNT(*) FROM information_schema.processlist WHERE command = 'Query' AND info LIKE 'SELECT%FOR UPDATE' AND id <> CONNECTION_ID()") > 0
	})
	b.redis.Kill()
	if err := block.Commit(); err != nil {
		t.Fatal(err)
	}
	if e := <-told; e == nil || e.Code != 1213 {
		t.Fatalf("the transaction is rolled back, and the client was told %v", e)
	}
	if n := count(t, direct, "SELECT n FROM counted WHERE id = 1"); n != 50 {
		t.Errorf("the row holds %d", n)
	}
	b.redis.Restart()
	until(t, "the row to be written again, once the gate's lease has ended", func() bool {
		return dialPackets(t, b.p.Proxy, b.proxied, 0).refusal("UPDATE counted SET n = n + 1 WHERE id = 1") == nil
	})
	if got := dialPackets(t, b.p.Proxy, b.proxied, 0).answer("SELECT n FROM counted WHERE id = 1"); got != "51" {
		t.Errorf("the row reads as %s", got)
	}
}
