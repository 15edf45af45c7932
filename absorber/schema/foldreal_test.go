package schema

import (
	"strconv"
	"testing"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
)

// TestFoldJoinsWhatTheServerJoins takes every character that an identifier can
// hold: those with one weight in the collation of routine names fold alike.
func TestFoldJoinsWhatTheServerJoins(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *servertest.DB{"mariadb": servertest.MariaDB, "mysql": servertest.MySQL} {
		t.Run(name, func(t *testing.T) {
			pool := start(t).Open(t, "")
			pool.SetMaxOpenConns(1)
			depth := map[string]string{"mariadb": "max_recursive_iterations", "mysql": "cte_max_recursion_depth"}[name]
			if _, err := pool.Exec("SET " + depth + " = 100000"); err != nil {
				t.Fatal(err)
			}
			rows, err := pool.Query("WITH RECURSIVE s(n) AS (SELECT 36 UNION ALL SELECT n+1 FROM s WHERE n < 65535)" +
				" SELECT n, HEX(WEIGHT_STRING(CONVERT(CHAR(n USING ucs2) USING utf8mb3) COLLATE utf8mb3_general_ci)) FROM s" +
				" WHERE n NOT BETWEEN 0xD800 AND 0xDFFF")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			first := map[string]rune{}
			count := 0
			for rows.Next() {
				var n rune
				var weight string
				if err := rows.Scan(&n, &weight); err != nil {
					t.Fatal(err)
				}
				count++
				other, ok := first[weight]
				if !ok {
					first[weight] = n
				} else if a, b := fold(string(other)), fold(string(n)); a != b {
					t.Errorf("%s and %s have the weight %s, fold to %q and %q", strconv.QuoteRuneToASCII(other),
						strconv.QuoteRuneToASCII(n), weight, a, b)
				}
			}
			if err := rows.Err(); err != nil || count != 65536-36-2048 {
				t.Fatalf("%d characters, %v", count, err)
			}
		})
	}
}
