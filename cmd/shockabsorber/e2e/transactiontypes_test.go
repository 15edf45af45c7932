package e2e

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// everyType has a column of each kind that a transaction may read and replay.
const everyType = `CREATE TABLE every (id BIGINT UNSIGNED PRIMARY KEY, b BIT(11), ti TINYINT, zf INT(6) UNSIGNED ZEROFILL, bu BIGINT UNSIGNED, de DECIMAL(30,10),
 y YEAR, d DATE, dt DATETIME(6), ts TIMESTAMP(3) NULL, t TIME(2), c CHAR(20), l VARCHAR(40) CHARACTER SET latin1, v VARCHAR(40), x TEXT,
 bi BINARY(6), vb VARBINARY(40), bl BLOB, e ENUM('a','B''s','ü'), s SET('x','y','z'))`

// TestTransactionTypes replays values of every type in MySQL, under settings that
// read literals differently, and finds rows of them again that were only read.
func TestTransactionTypes(t *testing.T) {
	values := []string{
		`b'10000000001', -128, 42, 18446744073709551615, -12345678901234567890.0123456789, 2024, '2024-02-29', '9999-12-31 23:59:59.999999', '2026-03-29 02:30:00.125',
 '-838:59:58.5', 'pad', 'é', 'żó''\\', 'x', 'bin', 0x00ff5c27, 0x005c, 'B''s', 'x,z'`,
		`NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL`,
		`0, 0, 0, 0, 0, 1901, '1000-01-01', '1000-01-01 00:00:00', '1970-01-01 12:00:01', '00:00:00', '', '', '', '', '', '', '', 'a', ''`,
	}
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			b := newBench(t, backend.start(t), func(c *config.Config) { c.WriteBack.DrainRate = 1000 }, everyType)
			p := b.sessions(wire.CapDeprecateEOF)
			p.query(anyhow, "SET time_zone = '+02:00'")
			for i, list := range values {
				p.query(anyhow, fmt.Sprintf("INSERT INTO every VALUES (%d, %s)", i, list))
			}
			for _, mode := range []string{"", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"} {
				p.query(anyhow, fmt.Sprintf("SET sql_mode = CONCAT('STRICT_TRANS_TABLES,', '%s')", mode), "BEGIN")
				for i := range values {
					p.query(fromRows, fmt.Sprintf("SELECT * FROM every WHERE id = %d", i)) // is read
				}
				for i, list := range values {
					if mode != "" {
						list = strings.ReplaceAll(list, `\\`, `\`)
					}
					p.query(anyhow, fmt.Sprintf("INSERT INTO every VALUES (%d, %s)", 10+i, list)) // is replayed
				}
				p.query(passed, "SELECT COUNT(*), MIN(ts), MAX(x) FROM every")
				for i := range values {
					p.query(anyhow, fmt.Sprintf("SELECT * FROM every WHERE id = %d", 10+i))
				}
				p.query(anyhow, "ROLLBACK")
			}
			p.query(anyhow, "BEGIN")
			for i := range values {
				p.query(anyhow, fmt.Sprintf("UPDATE every SET v = 'new', ti = 7, d = NULL WHERE id = %d", i))
			}
			p.query(anyhow, "SELECT COUNT(*) FROM every", "COMMIT")
			b.equal("every")
			all := transactions(t, b.p)
			if all["spill:"] < 3 || all["abort:replay"] > 0 {
				t.Errorf("transactions: %v", all)
			}
		})
	}
}

// transactionsLine is a line of the counter of transactions.
var transactionsLine = regexp.MustCompile(`(?m)^shockabsorber_transactions_total\{reason="([^"]*)",verb="([^"]*)"\} (\S+)`)

// transactions reads how many transactions went which way: by verb and reason,
// and for spills, "spill:", in all.
func transactions(t *testing.T, p *running) map[string]float64 {
	t.Helper()
	resp, err := http.Get("http://" + p.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, m := range transactionsLine.FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		all[m[2]+":"+m[1]] = n
		if m[2] == "spill" {
			all["spill:"] += n
		}
	}
	return all
}
