package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// familyDDL are tables with foreign keys of all sorts: two in one table, to a
// unique index, of two columns, to the table itself, over the primary key, a
// chain, and with parents and children that are not absorbed.
var familyDDL = []string{
	"CREATE TABLE p (id INT PRIMARY KEY, code VARCHAR(10) COLLATE utf8mb4_general_ci NULL, v INT, UNIQUE KEY code (code)) DEFAULT CHARSET utf8mb4",
	"CREATE TABLE c (id INT PRIMARY KEY, pid INT NULL, pcode VARCHAR(10) COLLATE utf8mb4_general_ci NULL, v INT, x INT, UNIQUE KEY x (x)," +
		" CONSTRAINT c_p FOREIGN KEY (pid) REFERENCES p (id), CONSTRAINT c_code FOREIGN KEY (pcode) REFERENCES p (code) ON UPDATE RESTRICT ON DELETE NO ACTION) DEFAULT CHARSET utf8mb4",
	"CREATE TABLE g (id INT PRIMARY KEY, cid INT, v INT, CONSTRAINT g_c FOREIGN KEY (cid) REFERENCES c (id))",
	"CREATE TABLE m (a INT, b INT, v INT, PRIMARY KEY (a, b))",
	"CREATE TABLE mc (id INT PRIMARY KEY, a INT NULL, b INT NULL, v INT, CONSTRAINT mc_m FOREIGN KEY (a, b) REFERENCES m (a, b))",
	"CREATE TABLE s (id INT PRIMARY KEY, up INT NULL, v INT, CONSTRAINT s_up FOREIGN KEY (up) REFERENCES s (id))",
	"CREATE TABLE o (pid INT PRIMARY KEY, v INT, CONSTRAINT o_p FOREIGN KEY (pid) REFERENCES p (id))",
	"CREATE TABLE q (id INT PRIMARY KEY, v INT)",
	"CREATE TABLE k (id INT PRIMARY KEY, qid INT NULL, v INT, CONSTRAINT k_q FOREIGN KEY (qid) REFERENCES q (id) ON DELETE CASCADE ON UPDATE CASCADE)",
	"CREATE TABLE kk (id INT PRIMARY KEY, kid INT, v INT, CONSTRAINT kk_k FOREIGN KEY (kid) REFERENCES k (id))",
	"CREATE TABLE n (id INT PRIMARY KEY, pid INT, v INT, CONSTRAINT n_p FOREIGN KEY (pid) REFERENCES p (id))",
	"CREATE TABLE w (id INT PRIMARY KEY, v INT)",
	"CREATE TABLE r (id INT PRIMARY KEY, wid INT, v INT, CONSTRAINT r_w FOREIGN KEY (wid) REFERENCES w (id))",
}

// familyAbsorbed are those in the configuration; q is refused, since its
// children cascade.
var familyAbsorbed = []string{"p", "c", "g", "m", "mc", "s", "o", "q", "k", "kk", "r"}

// familyTables are all of them, with the columns that hold keys.
var familyTables = map[string][]string{"p": {"id", "code"}, "c": {"id", "pid", "pcode", "x"}, "g": {"id", "cid"}, "m": {"a", "b"},
	"mc": {"id", "a", "b"}, "s": {"id", "up"}, "o": {"pid"}, "q": {"id"}, "k": {"id", "qid"}, "kk": {"id", "kid"}, "n": {"id", "pid"},
	"w": {"id"}, "r": {"id", "wid"}}

// familyOrder makes a run repeat itself.
var familyOrder = []string{"p", "c", "g", "m", "mc", "s", "o", "q", "k", "kk", "n", "w", "r", "p", "c", "c", "s", "m", "w", "q"}

// familyStatement makes up a statement.
func familyStatement(rnd *rand.Rand) string {
	table := familyOrder[rnd.IntN(len(familyOrder))]
	columns := familyTables[table]
	value := func(column string) string {
		switch {
		case strings.HasSuffix(column, "code"):
			return []string{"'a'", "'b'", "'A'", "'c'", "NULL"}[rnd.IntN(5)]
		case column == "x":
			return []string{"NULL", "NULL", "1", "2", "3"}[rnd.IntN(5)]
		case rnd.IntN(8) == 0 && column != columns[0] && table != "m":
			return "NULL"
		}
		return fmt.Sprint(rnd.IntN(8))
	}
	row := func() string {
		values := make([]string, len(columns))
		for i, c := range columns {
			values[i] = value(c)
		}
		return "(" + strings.Join(values, ", ") + fmt.Sprintf(", %d)", rnd.IntN(100))
	}
	rows := row()
	if rnd.IntN(4) == 0 {
		rows += ", " + row()
	}
	into := " INTO " + table + " (" + strings.Join(columns, ", ") + ", v) VALUES " + rows
	key := columns[0] + " = " + value(columns[0])
	if table == "m" {
		key = "a = " + value("a") + " AND b = " + value("b")
	}
	some := columns[rnd.IntN(len(columns))]
	switch rnd.IntN(14) {
	case 0, 1, 2, 3, 4:
		return "INSERT" + into
	case 5:
		return "INSERT IGNORE" + into
	case 6:
		return "REPLACE" + into
	case 7:
		return "INSERT" + into + " ON DUPLICATE KEY UPDATE v = v + 1"
	case 8:
		new := value(some)
		switch rnd.IntN(8) {
		case 0, 1:
			new = "-99999999999" // out of range, which a row before it, or the row's parent, may fail earlier
		case 2:
			new = "NULL"
		}
		return "INSERT" + into + " ON DUPLICATE KEY UPDATE " + some + " = " + new
	case 9:
		return "UPDATE " + table + " SET " + some + " = " + value(some) + " WHERE " + key
	case 10:
		return "UPDATE " + table + fmt.Sprintf(" SET v = %d WHERE ", rnd.IntN(100)) + key
	case 11:
		return "UPDATE IGNORE " + table + " SET " + some + " = " + value(some) + " WHERE " + key
	case 12:
		return "DELETE IGNORE FROM " + table + " WHERE " + key
	}
	return "DELETE FROM " + table + " WHERE " + key
}

// familyAnswer is all that a client learns from a statement.
func familyAnswer(conn *sql.Conn, database, text string) string {
	var b strings.Builder
	res, err := conn.ExecContext(context.Background(), text)
	var my *mysql.MySQLError
	switch {
	case errors.As(err, &my):
		fmt.Fprintf(&b, "error %d (%s) %s", my.Number, my.SQLState[:], strings.ReplaceAll(my.Message, database, "DB"))
	case err != nil:
		return "broken: " + err.Error()
	default:
		n, _ := res.RowsAffected()
		id, _ := res.LastInsertId()
		fmt.Fprintf(&b, "%d rows, id %d", n, id)
	}
	rows, err := conn.QueryContext(context.Background(), "SHOW WARNINGS")
	if err != nil {
		return "broken: " + err.Error()
	}
	defer rows.Close()
	for rows.Next() {
		var level, message string
		var code int
		if err := rows.Scan(&level, &code, &message); err != nil {
			return "broken: " + err.Error()
		}
		fmt.Fprintf(&b, "; %s %d %s", level, code, strings.ReplaceAll(message, database, "DB"))
	}
	return b.String()
}

// familyContents are the rows of all tables.
func familyContents(t *testing.T, db *sql.DB) string {
	t.Helper()
	var b strings.Builder
	for _, table := range familyOrder[:len(familyTables)] {
		rows, err := db.Query("SELECT " + strings.Join(familyTables[table], ", ") + ", v FROM " + table + " ORDER BY 1, 2")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]any, len(familyTables[table])+1)
			for i := range values {
				values[i] = new(sql.NullString)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			b.WriteString(table)
			for _, v := range values {
				b.WriteString(" " + v.(*sql.NullString).String)
			}
			b.WriteString("\n")
		}
		rows.Close()
	}
	return b.String()
}

// TestForeignKeysAnswerAsDirectly runs the same random statements through two
// proxies by turns and on a database of its own, directly: every answer and, in
// the end, every row is the same.
func TestForeignKeysAnswerAsDirectly(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			db := backend.start(t)
			f := newFleet(t, db, 2, familyAbsorbed, familyDDL...)
			twin := db.Database(t)
			db.Exec(t, twin, familyDDL...)
			direct := db.Open(t, twin)
			var conns []*sql.Conn
			for _, pool := range append(append([]*sql.DB(nil), f.pools...), direct) {
				conn, err := pool.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				conns = append(conns, conn)
			}
			rnd := rand.New(rand.NewPCG(22, 11))
			codes := map[string]int{}
			for i := range 440 {
				text := familyStatement(rnd)
				if i == 220 {
					for _, c := range conns {
						if _, err := c.ExecContext(t.Context(), "SET sql_mode = ''"); err != nil {
							t.Fatal(err)
						}
					}
				}
				got := familyAnswer(conns[i%2], f.database, text)
				want := familyAnswer(conns[2], twin, text)
				if got != want {
					t.Errorf("statement %d: %s\n through the proxy: %s\n directly:          %s", i, text, got, want)
				}
				codes[strings.Join(strings.Fields(want)[:2], " ")]++
			}
			f.drained(t)
			if got, want := familyContents(t, f.direct), familyContents(t, direct); got != want {
				t.Errorf("the tables hold:\n%s\ninstead of:\n%s", got, want)
			}
			for _, seen := range []string{"error 1451", "error 1452", "error 1062"} {
				if codes[seen] < 3 {
					t.Errorf("%q came %d times: this test tests nothing", seen, codes[seen])
				}
			}
			f.absorbed(t, 60)
			t.Logf("%v, %d units absorbed", codes, readLane(t, f.pools[0]).lsn)
		})
	}
}
