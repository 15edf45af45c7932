package schema

import (
	"errors"
	"path"
	"strings"
)

// Match gives the function that tells whether a table is named by one of the
// patterns. A pattern is "db.table"; both halves may be globs as path.Match
// has them ("mydb.*", "*.payments_?"). Case counts: on a server with
// lower_case_table_names = 1 all names are in lower case. A malformed pattern
// matches nothing; CheckPattern finds it beforehand.
func Match(patterns []string) func(Name) bool {
	exact := map[Name]bool{}
	var globs []Name
	for _, p := range patterns {
		n, ok := ParseName(p)
		switch {
		case !ok:
		case strings.ContainsAny(p, `*?[\`):
			globs = append(globs, n)
		default:
			exact[n] = true
		}
	}
	return func(n Name) bool {
		if exact[n] {
			return true
		}
		for _, g := range globs {
			if glob(g.DB, n.DB) && glob(g.Table, n.Table) {
				return true
			}
		}
		return false
	}
}

// CheckPattern reports what is wrong with a pattern for Match: no dot, or a
// glob that path.Match rejects (path.ErrBadPattern).
func CheckPattern(pattern string) error {
	n, ok := ParseName(pattern)
	if !ok {
		return errNoDot
	}
	for _, g := range []string{n.DB, n.Table} {
		if _, err := path.Match(escapeSlash(g), ""); err != nil {
			return err
		}
	}
	return nil
}

// errNoDot is CheckPattern's answer to a name without a database.
var errNoDot = errors.New(`a table is named "database.table"`)

// glob is path.Match for names, in which a slash is an ordinary character.
func glob(pattern, name string) bool {
	ok, err := path.Match(escapeSlash(pattern), escapeSlash(name))
	return err == nil && ok
}

// escapeSlash replaces the one character that path.Match treats apart by one
// that no identifier can hold.
func escapeSlash(s string) string { return strings.ReplaceAll(s, "/", "\x00") }
