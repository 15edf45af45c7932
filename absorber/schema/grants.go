package schema

import (
	"path"
	"strings"
)

// grant is one line of SHOW GRANTS about tables.
type grant struct {
	db, table  string // patterns of LIKE for db as the server stores them; "*" = all
	privileges map[string]bool
	revoked    bool // a partial revoke of MySQL
}

// grants are what the account that reads the schema may do.
type grants []grant

// readGrants asks the server for the account's privileges, with those of its
// active roles, which both servers list.
func readGrants(q Queryer) (grants, error) {
	rows, err := query(q, "the grants", 1, "SHOW GRANTS")
	if err != nil {
		return nil, err
	}
	var all grants
	for _, r := range rows {
		if g, ok := parseGrant(string(r[0])); ok {
			all = append(all, g)
		}
	}
	return all, nil
}

// parseGrant reads "GRANT SELECT, INSERT (`a`) ON `db`.* TO ...". It is false
// for roles, routines and whatever else is not a privilege on tables.
func parseGrant(line string) (g grant, ok bool) {
	rest, ok := strings.CutPrefix(line, "GRANT ")
	if !ok {
		if rest, ok = strings.CutPrefix(line, "REVOKE "); !ok {
			return g, false
		}
		g.revoked = true
	}
	list, rest, ok := cutOutside(rest, " ON ")
	if !ok {
		return g, false
	}
	object, _, ok := cutOutside(rest, map[bool]string{false: " TO ", true: " FROM "}[g.revoked])
	if !ok {
		return g, false
	}
	db, table, ok := cutOutside(object, ".")
	if !ok || strings.HasPrefix(db, "FUNCTION ") || strings.HasPrefix(db, "PROCEDURE ") || strings.HasPrefix(db, "PACKAGE ") {
		return g, false
	}
	g.db, g.table, g.privileges = unquoteName(db), unquoteName(table), map[string]bool{}
	for list != "" {
		var p string
		p, list, _ = cutOutside(list, ", ")
		if !strings.Contains(p, "(") { // a privilege on columns is none on the table
			g.privileges[p] = true
		}
	}
	return g, true
}

// cutOutside is strings.Cut for a separator outside of backquotes and
// parentheses. Without one, all of s comes before.
func cutOutside(s, sep string) (before, after string, found bool) {
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		if !quoted && depth == 0 && strings.HasPrefix(s[i:], sep) {
			return s[:i], s[i+len(sep):], true
		}
		switch {
		case s[i] == '`':
			quoted = !quoted
		case s[i] == '(' && !quoted:
			depth++
		case s[i] == ')' && !quoted:
			depth--
		}
	}
	return s, "", false
}

// unquoteName takes the backquotes off an identifier.
func unquoteName(s string) string {
	if len(s) >= 2 && s[0] == '`' && s[len(s)-1] == '`' {
		return strings.ReplaceAll(s[1:len(s)-1], "``", "`")
	}
	return s
}

// has reports whether a privilege is held on a table. Name{"*", "*"} asks for
// all databases.
func (gs grants) has(privilege string, n Name) bool {
	held := false
	for _, g := range gs {
		if !g.privileges[privilege] && !g.privileges["ALL PRIVILEGES"] {
			continue
		}
		covers := (g.db == "*" || n.DB != "*" && likeMatch(g.db, n.DB)) && (g.table == "*" || g.table == n.Table)
		if g.revoked && covers {
			return false
		}
		held = held || covers
	}
	return held
}

// likeMatch matches a database against a grant's pattern, in which % and _
// are wildcards unless escaped.
func likeMatch(pattern, s string) bool {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern) && (pattern[i+1] == '_' || pattern[i+1] == '%'):
			i++
			b.WriteByte(pattern[i])
		case c == '%':
			b.WriteByte('*')
		case c == '_':
			b.WriteByte('?')
		case strings.IndexByte(`*?[\`, c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	ok, err := path.Match(escapeSlash(b.String()), escapeSlash(s))
	return err == nil && ok
}
