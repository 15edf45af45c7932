package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// typesTable has a column of every type that is absorbed.
const typesTable = "CREATE TABLE types (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, t TINYINT, tu TINYINT UNSIGNED, s SMALLINT, m MEDIUMINT, mu MEDIUMINT UNSIGNED, " +
	"i INT, iu INT UNSIGNED, b BIGINT, bu BIGINT UNSIGNED, d DECIMAL(65,30), f FLOAT, g DOUBLE, b1 BIT(1), b64 BIT(64), y YEAR, da DATE, dt DATETIME(6), ts TIMESTAMP(3) NULL, " +
	"ti TIME(6), c CHAR(10), v VARCHAR(100), tx TEXT, bn BINARY(8), vb VARBINARY(300), bl BLOB, e ENUM('a','b''c','ł'), se SET('x','y','z'), js JSON, n INT NOT NULL DEFAULT 7)"

// everyByte is each byte once, for a binary column.
var everyByte = func() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}()

// typesRows are values for all columns of typesTable but the first, as
// literals: the ends of the ranges, and what prints in an unusual way.
var typesRows = []string{
	"-128, 255, -32768, -8388608, 16777215, -2147483648, 4294967295, -9223372036854775808, 18446744073709551615, " +
		"'-12345678901234567890123456789012345.123456789012345678901234567890', 1.5, -2.25e300, b'1', b'1000000000000000000000000000000000000000000000000000000000000001', " +
		"2155, '9999-12-31', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07.000', '838:59:59.000000', 'zażółć', 'It''s \\\\ \\n', 'text', X'0001020304050607', " +
		"X'" + fmt.Sprintf("%x", everyByte) + "', X'" + fmt.Sprintf("%x", everyByte) + "', 'b''c', 'x,z', '{\"a\": 1}', 2147483647",
	"127, 0, 32767, 8388607, 0, 2147483647, 0, 9223372036854775807, 0, 0.000000000000000000000000000001, 16777216, 1e-300, b'0', 0, 1901, '1000-01-01', " +
		"'1000-01-01 00:00:00.000001', '1970-01-02 00:00:01.001', '-838:59:59.000000', '', '', '', '', '', '', 'ł', '', '[]', -2147483648",
	strings.Repeat("NULL, ", 28) + "0",
	"1, 1, 1, 1, 1, 1, 1, 1, 1, 1.5, 0.1, 0.1, 1, 255, 2026, '2026-02-28', '2026-02-28 12:00:00', '2026-02-28 12:00:00', '-00:00:01.5', 'x ', 'x ', 'x', 'x', 'x', 'x', 'A', 'y,x', 'null', 1",
}

// typesParams are the same kind of values as parameters.
var typesParams = [][]any{
	{-1, 1, -2, -3, 3, -4, 4, -5, uint64(1<<64 - 1), "1.000000000000000000000000000000", 2.5, 0.30000000000000004, 1, uint64(1<<64 - 1), 1999, "2000-02-29",
		time.Date(2000, 2, 29, 1, 2, 3, 456789000, time.UTC), time.Date(2020, 6, 7, 8, 9, 10, 123000000, time.UTC), "-100:00:00.000001",
		"łó", "v", "t", []byte("12345678"), []byte(everyByte), []byte(everyByte), "a", "x", "{}", 5},
	{nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, 1},
	{1, 1, 1, 1, 1, 1, 1, 1, uint64(1), "5", 1.5, 1e15, 0, uint64(7), 2000, "2026-01-01", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		"00:00:00.000000", "", "", "", []byte{}, []byte{}, []byte{}, "ł", "", "1", 0},
}

// TestBytesTypes compares the packets of sessions on a table of all types:
// rows that wait for MySQL, rows that have arrived, and rows read back.
func TestBytesTypes(t *testing.T) {
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), nil, typesTable)
			for _, c := range capabilities {
				t.Run(c.name, func(t *testing.T) {
					own := *b
					own.t = t
					p := own.sessions(c.caps)
					p.types()
				})
			}
			b.equal("types")
		})
	}
}

// types runs the script of TestBytesTypes.
func (p *pair) types() {
	first := len(p.ids())
	for i, row := range typesRows {
		want := inserted
		if i == 0 {
			want = anyhow // a literal of it is left to MySQL
		}
		p.query(want, "INSERT INTO types VALUES (NULL, "+row+")")
	}
	insert := "INSERT INTO types VALUES (NULL" + strings.Repeat(", ?", len(typesParams[0])) + ")"
	for _, params := range typesParams {
		p.execute(inserted, insert, params...)
	}
	ids := p.ids()[first:]
	p.reads(ids, fromRows)
	p.changes(ids)
	p.reads(ids, fromRows)
	p.drain()
	p.reads(ids, fromRows)
	p.forgetRows()
	p.reads(ids, anyhow)
	p.reads(ids, fromRows)
}

// ids are the keys of all rows, as the direct side has them.
func (p *pair) ids() (ids []int) {
	p.t.Helper()
	rows, err := p.db.Open(p.t, p.direct).Query("SELECT id FROM types ORDER BY id")
	if err != nil {
		p.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			p.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		p.t.Fatal(err)
	}
	return ids
}

// reads selects rows in both protocols.
func (p *pair) reads(ids []int, want string) {
	p.t.Helper()
	for _, id := range ids {
		p.query(want, fmt.Sprintf("SELECT * FROM types WHERE id = %d", id), fmt.Sprintf("select b64, `js` as x, types.ts, f from types where id=%d limit 1", id))
		p.execute(want, "SELECT * FROM types WHERE id = ?", id)
	}
	p.query(want, "SELECT id, v FROM types WHERE id = 1000000")
	p.execute(want, "SELECT * FROM types WHERE id = ?", 1000000)
	p.execute(want, "SELECT d, g, dt FROM types WHERE id IN (?, ?)", ids[0], ids[1])
}

// changes updates rows, some to what they are already, and deletes one.
func (p *pair) changes(ids []int) {
	p.t.Helper()
	at := func(i int) string { return fmt.Sprintf(" WHERE id = %d", ids[i]) }
	p.query(updated, "UPDATE types SET v = 'new', n = n - 1"+at(0), "UPDATE types SET v = 'new'"+at(0), "UPDATE types SET n = n + 1, b = NULL"+at(1),
		"UPDATE types SET n = 5 WHERE id = 999999", "UPDATE types SET dt = '2026-01-01 00:00:00.5', ti = '-01:02:03.5'"+at(2),
		fmt.Sprintf("UPDATE types SET i = 3 WHERE id IN (%d, %d, 999999)", ids[0], ids[1]), "UPDATE types SET f = 0.25, g = 1e22, d = 0.1"+at(2))
	p.query(anyhow, "UPDATE types SET n = n + 1"+at(0), "UPDATE types SET tu = 256"+at(1), "UPDATE types SET v = NULL, n = NULL"+at(1), "UPDATE types SET nothing = 1"+at(1), "SELECT nothing FROM types"+at(1),
		"INSERT INTO types (t) VALUES (128)", "INSERT INTO types (n) VALUES (NULL)", "INSERT INTO types VALUES (1)", "INSERT INTO types (y, da) VALUES (1800, '2026-02-30')")
	p.execute(updated, "UPDATE types SET n = n + ? WHERE id = ?", -3, ids[0])
	p.execute(updated, "UPDATE types SET n = n + ? WHERE id = ?", -3, ids[1]) // out of range
	p.execute(updated, "UPDATE types SET n = n + ? WHERE id = ?", 0, ids[1])
	p.execute(updated, "UPDATE types SET bl = ?, v = ? WHERE id = ?", []byte(everyByte), "ł", ids[2])
	p.execute(updated, "UPDATE types SET bl = ?, v = ? WHERE id = ?", []byte{}, "", ids[2])
	p.query(anyhow, fmt.Sprintf("INSERT INTO types (id, n) VALUES (%d, 1)", ids[0]))
	p.execute(anyhow, "INSERT INTO types (id, n) VALUES (?, 1)", ids[1])
	p.query(inserted, "INSERT INTO types (n) VALUES (1), (2), (3)", "INSERT INTO types () VALUES ()", "INSERT INTO types SET v = 'set'")
	p.query(deleted, "DELETE FROM types"+at(3), "DELETE FROM types"+at(3), fmt.Sprintf("DELETE FROM types WHERE id IN (%d, 999999)", ids[4]))
	p.execute(deleted, "DELETE FROM types WHERE id = ?", ids[5])
	p.execute(deleted, "DELETE FROM types WHERE id = ?", ids[5])
}

// forgetRows drops what the row cache holds; nothing may be pending.
func (b *bench) forgetRows() {
	b.t.Helper()
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: b.redis.Addr})
	defer client.Close()
	rows := client.Scan(ctx, 0, "*:row:*", 1000).Iterator()
	gone := 0
	for rows.Next(ctx) {
		if err := client.Del(ctx, rows.Val()).Err(); err != nil {
			b.t.Fatal(err)
		}
		gone++
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	if gone == 0 {
		b.t.Fatal("no row was in the cache")
	}
}
