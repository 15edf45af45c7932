package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// script the mysql command line runs, directly and through the proxy.
const cliScript = `
CREATE TABLE payments (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, ref VARCHAR(40) NOT NULL UNIQUE, amount DECIMAL(12,2) NOT NULL DEFAULT 0, note JSON, at TIMESTAMP(3) NULL);
CREATE TABLE customers (id INT NOT NULL PRIMARY KEY, name VARCHAR(40));
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Łucja');
%ENABLE%
INSERT INTO payments (ref, amount, note) VALUES ('a-1', 10.50, '{"a": 1}'), ('a-2', 7, NULL);
SELECT LAST_INSERT_ID();
INSERT INTO payments (ref) VALUES ('a-1');
INSERT INTO payments (id, ref) VALUES (2, 'x');
SELECT * FROM payments WHERE id = 1;
SELECT ref, amount FROM payments WHERE id IN (2, 1, 9);
UPDATE payments SET amount = amount + 1.25, at = '2026-01-02 03:04:05.678' WHERE id = 2;
SELECT id, amount, at FROM payments WHERE id = 2;
UPDATE payments SET ref = 'a-1' WHERE id = 2;
UPDATE payments SET ref = 'b-1' WHERE id = 1;
INSERT INTO payments (ref, amount) VALUES ('a-1', 3);
SELECT p.id, p.ref, c.name FROM payments p JOIN customers c ON c.id = p.id ORDER BY p.id;
DELETE FROM payments WHERE id = 1;
SELECT * FROM payments WHERE id = 1;
SELECT COUNT(*), SUM(amount) FROM payments;
ALTER TABLE payments ADD COLUMN extra VARCHAR(10) NOT NULL DEFAULT 'x';
INSERT INTO payments (ref, extra) VALUES ('c-1', 'new');
SELECT * FROM payments WHERE id = 2;
SELECT * FROM payments ORDER BY id;
BEGIN;
UPDATE payments SET amount = 99 WHERE id = 2;
INSERT INTO payments (ref) VALUES ('tx');
SELECT amount FROM payments WHERE id = 2;
ROLLBACK;
SELECT amount FROM payments WHERE id = 2;
INSERT INTO payments (ref, amount) VALUES ('long', 99999999999999);
UPDATE payments SET amount = amount * 2 WHERE ref = 'a-2';
SELECT id, ref, amount FROM payments WHERE id = 2;
TRUNCATE TABLE payments;
INSERT INTO payments (ref) VALUES ('after');
SELECT id, ref FROM payments WHERE id = 1;
DROP TABLE customers;
SHOW TABLES;
`

// TestCommandLine is the session of an operator: create a table, enable it,
// use it, join it, alter it. Every answer equals the direct one.
func TestCommandLine(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			db := backend.start(t)
			cfg := settings(t, db, servertest.Redis(t).Addr)
			cfg.WriteBack.DrainRate = 5
			direct, proxied := db.Database(t), db.Database(t)
			p := start(t, db, cfg)
			want := commandLine(t, db.Addr, direct, strings.ReplaceAll(cliScript, "%ENABLE%", "DO 0;"))
			got := commandLine(t, p.Proxy, proxied, strings.ReplaceAll(cliScript, "%ENABLE%", "CALL shock_absorber.enable('"+proxied+".payments');"))
			if testing.Verbose() {
				t.Log(got)
			}
			compareLines(t, want, strings.ReplaceAll(got, proxied, direct))
			if lane := readLane(t, p.open(t, "")); lane.lsn < 7 {
				t.Errorf("%d units were committed: the statements of the script were not absorbed", lane.lsn)
			}
		})
	}
}

// commandLine runs statements with the mysql command line, going on after
// errors, and returns all it printed.
func commandLine(t *testing.T, addr, database, sql string) string {
	t.Helper()
	host, port := splitAddr(t, addr)
	c := exec.Command("mariadb", "--no-defaults", "--force", "-vvv", "--table=FALSE", "--column-names", "--default-character-set=utf8mb4",
		"-h", host, "-P", port, "-u", proxyUser, "-p"+proxyPassword)
	if database != "" {
		c.Args = append(c.Args, database)
	}
	c.Stdin = strings.NewReader(sql)
	var refused strings.Builder
	c.Stderr = &refused
	out, err := c.Output()
	if err != nil && len(out) == 0 {
		t.Fatalf("mariadb: %v\n%s", err, refused.String())
	}
	// The time a statement took is no part of the answer, nor is what the
	// direct session has no word for.
	var kept []string
	skip := false
	for _, line := range strings.Split(string(out)+refused.String(), "\n") {
		if strings.HasPrefix(line, "CALL shock_absorber.enable") || line == "DO 0" {
			skip = true
		}
		if skip {
			if strings.HasPrefix(line, "Query OK") {
				skip = false
			}
			continue
		}
		if i := strings.LastIndex(line, " ("); i > 0 && strings.HasSuffix(line, " sec)") {
			line = line[:i]
		}
		if line != "" && line != "--------------" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}
