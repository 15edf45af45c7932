package schema

import (
	"fmt"
	"strconv"
	"strings"
)

// server is what is known of the server before its schema is read.
type server struct {
	version   string // VERSION() verbatim
	dialect   Dialect
	lower     int    // lower_case_table_names: 0, 1 or 2
	sqlMode   string // of the session, to be set back
	quoteShow string // sql_quote_show_create of the session, "0" or "1"
}

// Oldest servers whose information_schema has all that is asked of it:
// TABLE_CONSTRAINTS.ENFORCED came with MySQL 8.0.16.
var (
	oldestMySQL   = [3]int{8, 0, 16}
	oldestMariaDB = [3]int{10, 5, 10}
)

// readServer asks for version and variables.
func readServer(q Queryer) (server, error) {
	rows, err := q.Query("SELECT VERSION(), @@lower_case_table_names, @@SESSION.sql_mode," +
		" @@SESSION.sql_quote_show_create, @@SESSION.character_set_results")
	if err != nil {
		return server{}, fmt.Errorf("ask for the version: %w", err)
	}
	if len(rows) != 1 || len(rows[0]) != 5 {
		return server{}, fmt.Errorf("ask for the version: %w: unexpected answer", ErrUnsupported)
	}
	r := rows[0]
	s := server{version: string(r[0]), sqlMode: string(r[2]), quoteShow: string(r[3])}
	if cs := string(r[4]); cs != "utf8mb4" {
		return s, fmt.Errorf("%w: character_set_results is %q, the session needs SET NAMES utf8mb4", ErrUnsupported, cs)
	}
	if s.lower, err = strconv.Atoi(string(r[1])); err != nil || s.lower < 0 || s.lower > 2 {
		return s, fmt.Errorf("%w: lower_case_table_names %q", ErrUnsupported, r[1])
	}
	if s.quoteShow != "0" && s.quoteShow != "1" {
		return s, fmt.Errorf("%w: sql_quote_show_create %q", ErrUnsupported, s.quoteShow)
	}
	v, ok := parseVersion(s.version)
	oldest := oldestMySQL
	if strings.Contains(strings.ToLower(s.version), "mariadb") {
		s.dialect, oldest = MariaDB, oldestMariaDB
	}
	if !ok || less(v, oldest) {
		return s, fmt.Errorf("%w: version %s, at least MySQL 8.0.16 or MariaDB 10.5.10 is needed", ErrUnsupported, s.version)
	}
	return s, nil
}

// parseVersion reads "10.11.6-MariaDB-log", also with the prefix "5.5.5-" that
// MariaDB puts before it for old clients.
func parseVersion(s string) (v [3]int, ok bool) {
	if rest, found := strings.CutPrefix(s, "5.5.5-"); found {
		s = rest
	}
	for i := range v {
		end := 0
		for end < len(s) && s[end] >= '0' && s[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(s[:end])
		if err != nil {
			return v, i > 1
		}
		v[i] = n
		s = strings.TrimPrefix(s[end:], ".")
	}
	return v, true
}

// less orders versions.
func less(a, b [3]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}
