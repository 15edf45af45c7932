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
func orderUniques(q Queryer, d Dialect, r *raw, tables []*Table) (unknown []Name) {
	var several []*Table
	known := true
	for _, t := range tables {
		if len(t.Uniques) > 1 {
			several = append(several, t)
			_, asked := r.order[innodbName(t.Name)]
			known = known && asked
		}
	}
	if !known {
		r.readOrder(q, d, several)
	}
	for _, t := range several {
		if !sortUniques(t, r.order[innodbName(t.Name)]) {
			unknown = append(unknown, t.Name)
		}
	}
	return unknown
}

// readOrder asks for the order of the indexes of all these tables: InnoDB tells
// it of all at once.
func (r *raw) readOrder(q Queryer, d Dialect, tables []*Table) {
	order := map[string][]string{}
	for _, t := range tables {
		order[innodbName(t.Name)] = nil // also where it stays unknown
	}
	// A refusal is no error: only a row that violates two indexes at once is
	// told apart by their order.
	rows, err := query(q, "the order of the indexes", 2, innodbQuery[d])
	if err == nil {
		for _, v := range rows {
			name := string(v[0])
			if at := strings.Index(strings.ToLower(name), "#p#"); at >= 0 {
				name = name[:at]
			}
			if _, asked := order[name]; asked {
				order[name] = append(order[name], string(v[1]))
			}
		}
	}
	r.order = order
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
