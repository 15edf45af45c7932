package e2e

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// raceDDL are an absorbed parent, one that is not (it has no primary key), one
// whose children cascade, and the absorbed children of each.
var raceDDL = []string{
	"CREATE TABLE p (id INT PRIMARY KEY, v INT NOT NULL DEFAULT 0)",
	"CREATE TABLE pc (id INT PRIMARY KEY, parent INT NOT NULL, v INT NOT NULL DEFAULT 0, FOREIGN KEY (parent) REFERENCES p (id))",
	"CREATE TABLE w (id INT NOT NULL, v INT NOT NULL DEFAULT 0, UNIQUE KEY id (id))",
	"CREATE TABLE wc (id INT PRIMARY KEY, parent INT NOT NULL, v INT NOT NULL DEFAULT 0, FOREIGN KEY (parent) REFERENCES w (id))",
	"ALTER TABLE w ADD COLUMN x POINT NULL", // stays passed through even if a server promotes the unique key
	"CREATE TABLE q (id INT PRIMARY KEY, v INT NOT NULL DEFAULT 0)",
	"CREATE TABLE qc (id INT PRIMARY KEY, parent INT NOT NULL, v INT NOT NULL DEFAULT 0, FOREIGN KEY (parent) REFERENCES q (id) ON DELETE CASCADE)",
}

// family is one client's part of a race: it alone writes its children.
type family struct {
	parent, child string
	cascades      bool
	base          int
	there         map[int]bool // what it was told of each child; missing: the outcome is unknown
	counts        [4]int       // children in, children refused, parents out, parents refused
}

// step does one random statement and keeps the books.
func (f *family) step(t *testing.T, db *sql.DB, rnd *rand.Rand) {
	parent, id := rnd.IntN(6), f.base+rnd.IntN(12)
	known, ok := f.there[id]
	exec := func(text string, args ...any) (int, int64) {
		res, err := db.Exec(text, args...)
		n := int64(-1)
		if err == nil {
			n, _ = res.RowsAffected()
		}
		return code(err), n
	}
	switch rnd.IntN(7) {
	case 0, 1, 2:
		c, _ := exec("INSERT INTO "+f.child+" (id, parent) VALUES (?, ?)", id, parent)
		switch {
		case c == 0:
			if ok && known && !f.cascades {
				t.Errorf("%s %d was inserted twice", f.child, id)
			}
			f.there[id], f.counts[0] = true, f.counts[0]+1
		case c == 1452:
			f.counts[1]++
		case c == 1062:
			if ok && !known {
				t.Errorf("%s %d is a duplicate of nothing", f.child, id)
			}
		default:
			delete(f.there, id)
		}
	case 3:
		switch c, n := exec("DELETE FROM "+f.child+" WHERE id = ?", id); {
		case c != 0:
			delete(f.there, id)
		case ok && !f.cascades && known != (n == 1):
			t.Errorf("%s %d: %d rows deleted, and it was there: %v", f.child, id, n, known)
		default:
			f.there[id] = false
		}
	case 4:
		switch c, _ := exec("DELETE FROM "+f.parent+" WHERE id = ?", parent); c {
		case 0:
			f.counts[2]++
		case 1451:
			f.counts[3]++
		}
	case 5:
		exec("INSERT INTO "+f.parent+" (id) VALUES (?)", parent)
	case 6: // a parent that is written all the time keeps no child waiting
		exec("UPDATE "+f.parent+" SET v = v + 1 WHERE id = ?", parent)
	}
}

// check compares the books with MySQL.
func (f *family) check(t *testing.T, direct *sql.DB) {
	t.Helper()
	if f.cascades {
		return // parents take the children of others along
	}
	for id, there := range f.there {
		if n := count(t, direct, "SELECT COUNT(*) FROM "+f.child+" WHERE id = ?", id); (n == 1) != there {
			t.Errorf("%s %d: %d rows in MySQL, and its client was told that it is there: %v", f.child, id, n, there)
		}
	}
}

// families makes the clients: two of each kind.
func families() []*family {
	var all []*family
	for i, name := range []string{"p", "w", "q", "p", "w", "q"} {
		all = append(all, &family{parent: name, child: name + "c", cascades: name == "q", base: 100 * i, there: map[int]bool{}})
	}
	return all
}

// TestForeignKeysRace has clients of two proxies insert children and delete
// parents at the same time: never are both told yes. A child that was
// acknowledged without its parent would become a dead letter.
func TestForeignKeysRace(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			f := newFleet(t, backend.start(t), 2, []string{"p", "pc", "w", "wc", "q", "qc"}, raceDDL...)
			all := families()
			clients(2*len(all), func(c int) {
				fam := all[c/2]
				if c%2 == 1 { // only moves parents
					fam = &family{parent: fam.parent, child: fam.child, cascades: true, base: 10000 + c*100, there: map[int]bool{}}
				}
				rnd := rand.New(rand.NewPCG(uint64(c), 1))
				for range 90 {
					fam.step(t, f.pool(c), rnd)
				}
			})
			f.drained(t)
			f.absorbed(t, 60)
			total := [4]int{}
			for _, fam := range all {
				fam.check(t, f.direct)
				for i, n := range fam.counts {
					total[i] += n
				}
			}
			t.Logf("%d children in, %d refused; %d parents out, %d refused", total[0], total[1], total[2], total[3])
			for i, n := range total {
				if n == 0 {
					t.Errorf("count %d is zero: nothing raced", i)
				}
			}
			for _, name := range []string{"p", "w", "q"} {
				got := count(t, f.pools[0], "SELECT COALESCE(SUM(v), 0) FROM "+name)
				if want := count(t, f.direct, "SELECT COALESCE(SUM(v), 0) FROM "+name); got != want {
					t.Errorf("%s: %d through the proxy, %d in MySQL", name, got, want)
				}
			}
		})
	}
}

// TestForeignKeysKill is the race between two proxies that are killed with
// kill -9 again and again.
func TestForeignKeysKill(t *testing.T) {
	db := servertest.MariaDB(t)
	database := db.Database(t)
	db.Exec(t, database, raceDDL...)
	redis := servertest.Redis(t).Addr
	addrs, files := [2]string{}, [2]string{}
	var proxies [2]*process
	for i := range proxies {
		addrs[i] = servertest.FreeAddr(t)
		files[i] = crashConfig(t, db, redis, addrs[i], database, "memory")
		text, err := os.ReadFile(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(files[i], []byte(strings.ReplaceAll(string(text), database+".ledger", database+".*")), 0o600); err != nil {
			t.Fatal(err)
		}
		proxies[i] = serve(t, files[i], addrs[i])
	}
	var pools [2]*sql.DB
	for i, addr := range addrs {
		pools[i] = openDSN(t, fmt.Sprintf("%s:%s@tcp(%s)/%s?timeout=5s", proxyUser, proxyPassword, addr, database))
	}
	all := families()
	var killed atomic.Bool
	s := newStopper(t)
	s.loop(func(round int) { // kills one, then the other
		defer func() {
			if t.Failed() {
				killed.Store(true)
			}
		}()
		if killed.Store(round >= 3); round >= 3 {
			time.Sleep(10 * time.Millisecond)
			return
		}
		before, _ := tryLane(pools[(round+1)%2])
		until(t, "some units to be absorbed", func() bool {
			l, err := tryLane(pools[(round+1)%2])
			return err == nil && l.lsn > before.lsn+40
		})
		i := round % 2
		proxies[i].kill()
		proxies[i] = serve(t, files[i], addrs[i])
	})
	clients(len(all), func(c int) {
		rnd := rand.New(rand.NewPCG(uint64(c), 2))
		for i := 0; i < 100 || !killed.Load(); i++ {
			all[c].step(t, pools[(c+i/20)%2], rnd)
		}
	})
	s.stop()
	until(t, "the backlog to drain", func() bool {
		l, err := tryLane(pools[0])
		return err == nil && l.backlog == 0
	})
	noDeadLetters(t, pools[0])
	if l := readLane(t, pools[0]); l.lsn < 100 {
		t.Errorf("only %d units were absorbed", l.lsn)
	}
	direct := db.Open(t, database)
	for _, fam := range all {
		fam.check(t, direct)
		t.Logf("%s: %v", fam.child, fam.counts)
	}
}

// TestForeignKeysDeadLetter has MySQL refuse a parent, behind the proxy's back,
// after its child, in another database, was acknowledged too: both become dead
// letters, no further child is taken, and a retry of first the one and then the
// other brings both into MySQL.
func TestForeignKeysDeadLetter(t *testing.T) {
	server := servertest.MariaDB(t)
	parents, children := server.Database(t), server.Database(t)
	server.Exec(t, parents, "CREATE TABLE p (id INT PRIMARY KEY, code INT NOT NULL, UNIQUE KEY code (code))")
	server.Exec(t, children, "CREATE TABLE c (id INT PRIMARY KEY, pid INT, v INT NOT NULL DEFAULT 0, CONSTRAINT c_p FOREIGN KEY (pid) REFERENCES "+parents+".p (id))")
	cfg := settings(t, server, servertest.Redis(t).Addr)
	cfg.WriteBack.DrainRate = 1000
	cfg.Tables = map[string]config.Table{parents + ".p": {}, children + ".c": {}}
	app, direct := start(t, server, cfg).open(t, parents), server.Open(t, parents)
	c := children + ".c"
	mustExec(t, app, "CALL shock_absorber.pause()")
	time.Sleep(200 * time.Millisecond) // until the owner has heard of it
	mustExec(t, app, "INSERT INTO p VALUES (1, 10)", "INSERT INTO p VALUES (2, 20)", "INSERT INTO "+c+" (id, pid) VALUES (1, 1), (2, 2)",
		"INSERT INTO "+c+" (id, pid) VALUES (3, 2)", "UPDATE "+c+" SET pid = 1 WHERE id = 3")
	if l := readLane(t, app); l.backlog != 5 {
		t.Fatalf("%d units wait, not all 5: they were not absorbed", l.backlog)
	}
	mustExec(t, direct, "INSERT INTO p VALUES (99, 10)")
	mustExec(t, app, "CALL shock_absorber.resume()")
	until(t, "the lane to drain", func() bool { return readLane(t, app).backlog == 0 })
	var letters []string
	for _, line := range strings.Split(rowsOf(t, app, "SELECT * FROM shock_absorber.dead_letters"), "\n") {
		if strings.Contains(line, parents+".p") || strings.Contains(line, c) {
			letters = append(letters, line)
		}
	}
	if len(letters) != 3 || !strings.Contains(letters[0], "Duplicate entry") || !strings.Contains(letters[1], "c_p") {
		t.Fatalf("dead letters:\n%s", strings.Join(letters, "\n"))
	}
	for _, db := range []*sql.DB{app, direct} {
		if _, err := db.Exec("INSERT INTO " + c + " (id, pid) VALUES (4, 1)"); code(err) != 1452 {
			t.Errorf("a child of a dead parent: %v", err)
		}
	}
	id := func(letter string) string { id, _, _ := strings.Cut(letter, "|"); return id }
	if _, err := app.Exec("CALL shock_absorber.retry(" + id(letters[1]) + ")"); err == nil || !strings.Contains(err.Error(), "c_p") {
		t.Errorf("a retry of the child alone: %v", err)
	}
	mustExec(t, direct, "DELETE FROM p WHERE id = 99")
	mustExec(t, app, "CALL shock_absorber.retry("+id(letters[0])+")", "CALL shock_absorber.retry("+id(letters[1])+")", "CALL shock_absorber.retry("+id(letters[2])+")")
	if got := rowsOf(t, direct, "SELECT id FROM p ORDER BY id"); got != "1\n2" {
		t.Errorf("parents: %q", got)
	}
	mustExec(t, app, "INSERT INTO "+c+" (id, pid) VALUES (4, 1)")
	until(t, "the lane to drain", func() bool { return readLane(t, app).backlog == 0 })
	for name, db := range map[string]*sql.DB{"MySQL": direct, "the proxy": app} {
		if got := rowsOf(t, db, "SELECT id, pid FROM "+c+" ORDER BY id"); got != "1|1\n2|2\n3|1\n4|1" {
			t.Errorf("children in %s: %q", name, got)
		}
	}
}
