package interleave

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// kind is what a statement does, as far as the rules of play_test.go go by it.
type kind uint8

const (
	control  kind = iota // begins or ends a transaction, or is about its savepoints or settings
	look                 // reads rows without a lock
	keyed                // locks rows, or changes them, by primary key: transactions with it may be kept in the proxy
	wide                 // locks or changes rows otherwise: MySQL does it, behind gates
	wideLook             // reads in a way that needs MySQL
	quiet                // is only played while no other session has used its tables: DDL, LOCK TABLES
	own                  // touches nothing of others: temporary tables, user locks, variables
)

// step is a statement of a session.
type step struct {
	session int
	sql     string // $ is the session's own database
	kind    kind
	tables  []string
	short   bool // its session waits a second only for a lock
	redo    bool // its tables have to be made anew after the script
}

// rowNames are how statements name one row.
var rowNames = regexp.MustCompile(`WHERE id = (\d+)|owner = '(\w+)' AND k = (\d+)`)

// row is the one row that the statement is about, "" if it is not about one.
func (s step) row() string {
	if m := rowNames.FindStringSubmatch(s.sql); m != nil {
		return strings.Join(m[1:], "/")
	}
	return ""
}

// ends reports whether a transaction ends, or another begins.
func (s step) ends() bool {
	return s.kind == control && !strings.HasPrefix(s.sql, "ROLLBACK TO") && (strings.HasPrefix(s.sql, "COMMIT") || strings.HasPrefix(s.sql, "ROLLBACK") ||
		strings.HasPrefix(s.sql, "BEGIN") || strings.HasPrefix(s.sql, "START"))
}

// surely reports whether a transaction with the statement cannot be kept in the
// proxy.
func (s step) surely() bool {
	return s.kind == wideLook || s.kind == wide && !strings.Contains(s.sql, "DUPLICATE") && !strings.HasPrefix(s.sql, "REPLACE") &&
		!strings.HasPrefix(s.sql, "INSERT INTO acct (id, n) VALUES") && !strings.Contains(s.sql, "ref = 'r")
}

// String is the step as it is printed.
func (s step) String() string { return fmt.Sprintf("s%d> %s;", s.session, s.sql) }

// script is what sessions do, one statement after the other.
type script struct {
	sessions int
	kept     bool // all transactions can be kept in the proxy; otherwise MySQL does much of it
	steps    []step
}

// String is the script as it is printed.
func (s *script) String() string {
	var b strings.Builder
	for _, st := range s.steps {
		fmt.Fprintf(&b, "    %s\n", st)
	}
	return b.String()
}

// maker makes a script.
type maker struct {
	*rand.Rand
	script    *script
	mysql     bool
	committed bool   // READ COMMITTED
	within    []bool // sessions that have begun a transaction
	short     []bool
	fresh     int // values that nobody has used
	gone      int // rows 9 ... that a script deletes: each once, and not touched afterwards
}

// newScript makes script n of a seed.
func newScript(seed, n uint64, mysql bool) *script {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, n)), mysql: mysql, fresh: 100}
	m.script = &script{sessions: 2 + m.IntN(3), kept: n%2 == 0}
	m.committed = m.IntN(3) > 0
	m.within, m.short = make([]bool, m.script.sessions), make([]bool, m.script.sessions)
	for i := range m.script.sessions {
		if m.committed {
			m.add(i, control, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
		}
		if m.script.kept && m.IntN(4) == 0 { // for a gate a session waits where it would not wait for rows
			m.short[i] = true
			m.add(i, control, "SET SESSION innodb_lock_wait_timeout = 1")
		}
	}
	for len(m.script.steps) < 28+m.IntN(20) {
		if m.script.kept && m.IntN(24) == 0 {
			m.circle()
		}
		m.next(m.IntN(m.script.sessions))
	}
	return m.script
}

// add appends a statement.
func (m *maker) add(session int, k kind, sql string, tables ...string) {
	m.script.steps = append(m.script.steps, step{session: session, sql: sql, kind: k, tables: tables, short: m.short[session], redo: k == quiet && !strings.Contains(sql, "LOCK")})
}

// one is one of the texts.
func (m *maker) one(texts ...string) string { return texts[m.IntN(len(texts))] }

// value is a number that no other statement writes.
func (m *maker) value() int {
	m.fresh++
	return m.fresh
}

// next makes what a session does next.
func (m *maker) next(i int) {
	switch p := m.IntN(100); {
	case m.within[i] && p < 18:
		m.finish(i)
	case m.within[i] && p < 28:
		m.savepoint(i)
	case !m.within[i] && p < 55:
		m.begin(i)
	case m.script.kept:
		m.keptStatement(i)
	default:
		m.anyStatement(i)
	}
}

// circle lets two sessions wait for each other, if nothing comes between.
func (m *maker) circle() {
	i, row := m.IntN(m.script.sessions), 1+m.IntN(4)
	j := (i + 1) % m.script.sessions
	for _, s := range []int{i, j} {
		if !m.within[s] {
			m.within[s] = true
			m.add(s, control, "BEGIN")
		}
	}
	for k, s := range []int{i, j, i, j} {
		m.add(s, keyed, fmt.Sprintf("UPDATE acct SET n = n + %d WHERE id = %d", 1+k, []int{row, row + 4, row + 4, row}[k]), "acct")
	}
}

// begin begins a transaction.
func (m *maker) begin(i int) {
	m.within[i] = true
	switch {
	case m.IntN(6) == 0:
		m.add(i, control, "SET autocommit = 0")
		if m.script.kept { // a savepoint now would be MySQL's
			m.add(i, look, fmt.Sprintf("SELECT id, ref, n, note FROM acct WHERE id = %d", m.id()), "acct")
		}
	case !m.script.kept && m.IntN(4) == 0:
		m.add(i, control, m.one("START TRANSACTION READ ONLY", "START TRANSACTION WITH CONSISTENT SNAPSHOT"))
	default:
		m.add(i, control, m.one("BEGIN", "START TRANSACTION", "START TRANSACTION READ WRITE"))
	}
	if !m.committed && !m.script.kept { // both take the snapshot now
		m.add(i, wideLook, "SELECT COUNT(*) FROM plain", "plain")
	}
}

// finish ends it.
func (m *maker) finish(i int) {
	switch m.IntN(8) {
	case 0:
		m.add(i, control, m.one("COMMIT AND CHAIN", "ROLLBACK AND CHAIN"))
		if !m.committed && !m.script.kept {
			m.add(i, wideLook, "SELECT COUNT(*) FROM plain", "plain")
		}
		return
	case 1:
		m.add(i, control, "SET autocommit = 1")
	case 2, 3:
		m.add(i, control, m.one("ROLLBACK", "ROLLBACK WORK"))
		m.add(i, control, "SET autocommit = 1")
	default:
		m.add(i, control, m.one("COMMIT", "COMMIT WORK"))
		m.add(i, control, "SET autocommit = 1")
	}
	m.within[i] = false
}

// savepoint is about savepoints, also such as are not there.
func (m *maker) savepoint(i int) {
	m.add(i, control, m.one("SAVEPOINT a", "SAVEPOINT a", "SAVEPOINT b", "ROLLBACK TO a", "ROLLBACK TO SAVEPOINT b", "RELEASE SAVEPOINT a"))
}

// id is the key of a row, often one of a few.
func (m *maker) id() int { return 1 + m.IntN(2+6*m.IntN(2)) }

// account names a row of the ledger.
func (m *maker) account() string {
	return fmt.Sprintf("owner = '%s' AND k = %d", m.one("ann", "bob"), 1+m.IntN(2))
}

// keptStatement is by primary key. Of what is known to differ (known_test.go) it
// avoids keys without a row, and under READ COMMITTED rows that do not match.
func (m *maker) keptStatement(i int) {
	switch m.IntN(13) {
	case 0, 1:
		m.add(i, keyed, fmt.Sprintf("UPDATE acct SET n = n + %d WHERE id = %d", m.IntN(9), m.id()), "acct")
	case 2:
		condition := " AND n > 20"
		if m.committed && m.within[i] { // InnoDB gives the lock on a row back that does not match
			condition = ""
		}
		m.add(i, keyed, fmt.Sprintf("UPDATE acct SET n = %d, note = '%d' WHERE id = %d%s", m.value(), m.value(), m.id(), condition), "acct")
	case 3:
		m.add(i, keyed, fmt.Sprintf("UPDATE ledger SET v = v - %d WHERE %s", m.IntN(9), m.account()), "ledger")
	case 4:
		m.add(i, keyed, fmt.Sprintf("INSERT INTO acct (id, ref, n) VALUES (%d, %s, %d)", m.value(), m.one("NULL", fmt.Sprintf("'v%d'", m.value())), m.IntN(100)), "acct")
	case 5:
		m.add(i, keyed, fmt.Sprintf("UPDATE acct SET ref = %s WHERE id = %d", m.one("NULL", fmt.Sprintf("'v%d'", m.value())), m.id()), "acct")
	case 6:
		m.doomed(i)
	case 7:
		m.add(i, keyed, fmt.Sprintf("SELECT id, ref, n, note FROM acct WHERE id = %d FOR UPDATE%s", m.id(), m.one("", "", " NOWAIT", " SKIP LOCKED")), "acct")
	case 8:
		m.add(i, keyed, fmt.Sprintf("SELECT v FROM ledger WHERE %s FOR UPDATE%s", m.account(), m.one("", " NOWAIT")), "ledger")
	case 9, 10:
		m.add(i, look, fmt.Sprintf("SELECT id, ref, n, note FROM acct WHERE id = %d", m.id()), "acct")
	case 11:
		m.add(i, look, fmt.Sprintf("SELECT v FROM ledger WHERE %s", m.account()), "ledger")
	case 12:
		if m.committed && !m.within[i] {
			m.add(i, keyed, m.one(fmt.Sprintf("REPLACE INTO ledger (owner, k, v) VALUES ('%s', 1, %d)", m.one("ann", "bob"), m.value()),
				fmt.Sprintf("INSERT INTO ledger (owner, k, v) VALUES ('ann', %d, 0) ON DUPLICATE KEY UPDATE v = v + 100", 1+m.IntN(2)),
				fmt.Sprintf("INSERT INTO acct (id, n) VALUES (%d, 0)", m.id())), "acct", "ledger")
		}
	}
}

// doomed is about a row that is deleted in the end, and inserted again.
func (m *maker) doomed(i int) {
	id := 9 + m.gone/2
	switch {
	case !m.committed || id > 12:
	case m.gone%2 == 1:
		m.gone++
		m.add(i, keyed, fmt.Sprintf("INSERT INTO acct (id, n) VALUES (%d, %d)", id, m.value()), "acct")
	case m.IntN(2) == 0:
		m.add(i, keyed, fmt.Sprintf("UPDATE acct SET n = %d WHERE id = %d", m.value(), id), "acct")
	default:
		m.gone++
		m.add(i, keyed, fmt.Sprintf("DELETE FROM acct WHERE id = %d", id), "acct")
	}
}

// anyStatement is of every kind.
func (m *maker) anyStatement(i int) {
	n, lo := m.value(), 1+m.IntN(6)
	switch m.IntN(21) {
	case 0, 1, 2, 3, 4:
		m.keptStatement(i)
	case 5:
		m.add(i, wide, fmt.Sprintf("UPDATE acct SET n = n + %d WHERE n BETWEEN %d AND %d", n, 10*lo, 10*lo+25), "acct")
	case 6:
		m.add(i, wide, fmt.Sprintf("UPDATE acct SET note = '%d' WHERE ref = 'r%d'", n, lo), "acct")
	case 7:
		m.add(i, wide, fmt.Sprintf("DELETE FROM acct WHERE note = '%s' OR n > %d", m.one("a", "b", "d"), 60+10*lo), "acct")
	case 8:
		m.add(i, wide, fmt.Sprintf("INSERT INTO acct (id, ref, n) SELECT id + %d, NULL, n FROM acct WHERE id < %d", n*10, lo), "acct")
	case 9:
		m.add(i, wide, fmt.Sprintf("REPLACE INTO acct (id, ref, n) VALUES (%d, 'r%d', %d)", m.id(), m.id(), n), "acct")
	case 10:
		m.add(i, wide, fmt.Sprintf("INSERT INTO acct (id, ref, n) VALUES (%d, 'r%d', 1) ON DUPLICATE KEY UPDATE n = n + 1", m.id(), m.id()), "acct")
	case 11:
		m.add(i, wide, fmt.Sprintf("UPDATE plain SET n = n + %d WHERE id = %d", n, 1+m.IntN(4)), "plain")
	case 12:
		m.add(i, wide, fmt.Sprintf("UPDATE acct, plain SET acct.n = plain.n + %d, plain.n = 0 WHERE acct.id = plain.id AND plain.id < %d", n, lo), "acct", "plain")
	case 13:
		m.add(i, wide, m.one("SELECT id, n FROM acct WHERE n > 30 ORDER BY id FOR UPDATE", "SELECT id, n FROM acct ORDER BY id LOCK IN SHARE MODE",
			fmt.Sprintf("SELECT id, n FROM acct WHERE id = %d LOCK IN SHARE MODE", m.id()), "SELECT SUM(v) FROM ledger FOR UPDATE"), "acct", "ledger")
	case 14, 15:
		m.add(i, wideLook, m.one("SELECT COUNT(*), SUM(n) FROM acct", "SELECT id, n FROM acct WHERE n > 25 ORDER BY id", "SELECT owner, SUM(v) FROM ledger GROUP BY owner ORDER BY owner",
			"SELECT id FROM acct WHERE n > (SELECT AVG(n) FROM acct) ORDER BY id"), "acct", "ledger")
	case 16:
		m.add(i, wideLook, m.one("SELECT acct.id, plain.n FROM acct JOIN plain ON acct.id = plain.id ORDER BY acct.id", "SELECT id, n FROM plain ORDER BY id"), "acct", "plain")
	case 17:
		m.add(i, own, m.one("CREATE TEMPORARY TABLE IF NOT EXISTS tmp (id INT PRIMARY KEY, n INT)", "SELECT GET_LOCK('$.x', 0)", "SELECT RELEASE_LOCK('$.x')",
			"SET @n = 5", "SELECT @n, ROW_COUNT()", "DROP TEMPORARY TABLE IF EXISTS tmp"))
	case 18:
		m.add(i, wide, fmt.Sprintf("INSERT INTO plain (id, n) VALUES (%d, %d)", m.number(n, lo), n), "plain")
	case 19:
		m.quietStatement(i)
	case 20: // with a duplicate MySQL does it
		m.add(i, wide, fmt.Sprintf("INSERT INTO acct (id, n) VALUES (%d, 1), (%d, 2), (%d, 3)", m.value(), m.number(m.value(), m.id()), m.value()), "acct")
	}
}

// number is one of two numbers.
func (m *maker) number(a, b int) int { return []int{a, b}[m.IntN(2)] }

// quietStatement is DDL or LOCK TABLES.
func (m *maker) quietStatement(i int) {
	if m.within[i] {
		return
	}
	switch m.IntN(4) {
	case 0:
		m.add(i, quiet, fmt.Sprintf("ALTER TABLE acct ADD COLUMN c%d INT NOT NULL DEFAULT 7", m.value()), "acct")
	case 1:
		m.add(i, quiet, "TRUNCATE TABLE ledger", "ledger")
	case 2:
		m.add(i, quiet, fmt.Sprintf("CREATE INDEX i%d ON acct (n)", m.value()), "acct")
	case 3:
		m.add(i, quiet, m.one("LOCK TABLES acct WRITE", "LOCK TABLES acct READ"), "acct")
		m.add(i, quiet, "UPDATE acct SET n = n + 1 WHERE id = 1", "acct")
		m.add(i, quiet, "SELECT SUM(n) FROM acct", "acct")
		m.add(i, quiet, "UNLOCK TABLES", "acct")
	}
}
