package schema

import (
	"fmt"
	"slices"
	"strings"
)

// innodbQuery lists the unique indexes in the order in which InnoDB made them,
// which is the order in which it finds duplicates.
var innodbQuery = map[Dialect]string{
	MySQL: "SELECT t.NAME, i.NAME FROM information_schema.INNODB_INDEXES i JOIN information_schema.INNODB_TABLES t" +
		" ON t.TABLE_ID = i.TABLE_ID WHERE i.TYPE = 2 ORDER BY i.INDEX_ID",
	MariaDB: "SELECT t.NAME, i.NAME FROM information_schema.INNODB_SYS_INDEXES i JOIN information_schema.INNODB_SYS_TABLES t" +
		" ON t.TABLE_ID = i.TABLE_ID WHERE i.TYPE = 2 ORDER BY i.INDEX_ID",
}

// orderUniques puts the unique indexes of tables that have several into the
// order in which the server reports duplicates. It returns the tables whose
// order stays unknown: the account lacks PROCESS, MySQL lists no indexes of
// partitions, or InnoDB writes the name in a way not known here.
func orderUniques(q Queryer, d Dialect, tables []*Table) (unknown []Name) {
	var several []*Table
	for _, t := range tables {
		if len(t.Uniques) > 1 {
			several = append(several, t)
		}
	}
	if len(several) == 0 {
		return nil
	}
	order := map[string][]string{}
	// A refusal is no error: only a row that violates two indexes at once is
	// told apart by their order.
	rows, err := query(q, "the order of the indexes", 2, innodbQuery[d])
	if err == nil {
		for _, r := range rows {
			name := string(r[0])
			if at := strings.Index(strings.ToLower(name), "#p#"); at >= 0 {
				name = name[:at]
			}
			order[name] = append(order[name], string(r[1]))
		}
	}
	for _, t := range several {
		if !sortUniques(t, order[innodbName(t.Name)]) {
			unknown = append(unknown, t.Name)
		}
	}
	return unknown
}

// sortUniques sorts by the given names; false, and no change, if one is
// missing.
func sortUniques(t *Table, names []string) bool {
	for _, ix := range t.Uniques {
		if !slices.Contains(names, ix.Name) {
			return false
		}
	}
	slices.SortStableFunc(t.Uniques, func(a, b Index) int {
		return slices.Index(names, a.Name) - slices.Index(names, b.Name)
	})
	return true
}

// innodbName is "db/table" as InnoDB writes it: other characters than letters,
// digits and _ as @ and four hexadecimal digits.
func innodbName(n Name) string {
	encode := func(s string) string {
		var b strings.Builder
		for _, c := range s {
			if c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
				b.WriteRune(c)
			} else {
				fmt.Fprintf(&b, "@%04x", c)
			}
		}
		return b.String()
	}
	return encode(n.DB) + "/" + encode(n.Table)
}
