package schema

import "strings"

// rawPartitions is what information_schema.PARTITIONS says of one table.
type rawPartitions struct {
	method, expression string
	sub                bool
	open               bool // some RANGE partition takes all values above the others
}

// readPartitions asks only if a wanted table is partitioned: the query opens
// every table of the databases.
func (r *raw) readPartitions(q Queryer, in scope) error {
	any := false
	for _, t := range r.tables {
		any = any || t.partitioned()
	}
	if !any {
		return nil
	}
	rows, err := query(q, "the partitions", 6, "SELECT TABLE_SCHEMA, TABLE_NAME, PARTITION_METHOD, PARTITION_EXPRESSION,"+
		" SUBPARTITION_METHOD, PARTITION_DESCRIPTION FROM information_schema.PARTITIONS"+
		" WHERE PARTITION_METHOD IS NOT NULL AND "+in("TABLE_SCHEMA", "TABLE_NAME"))
	if err != nil {
		return err
	}
	for _, v := range rows {
		n := nameOf(v[0], v[1])
		p := r.partitions[n]
		if p == nil {
			p = &rawPartitions{}
			r.partitions[n] = p
		}
		p.method, p.expression = string(v[2]), string(v[3])
		p.sub = p.sub || v[4] != nil
		top := strings.ReplaceAll(string(v[5]), "MAXVALUE", "")
		p.open = p.open || v[5] != nil && strings.Trim(top, ", ") == ""
	}
	return nil
}

// partitioned reads CREATE_OPTIONS.
func (t *rawTable) partitioned() bool { return strings.Contains(t.options, "partitioned") }

// partitionDoubt says why rows of a partitioned table may be refused for their
// partition (error 1526), "" if they cannot: every value has a partition, and
// finding it evaluates nothing but plain columns, so it cannot fail or warn.
func partitionDoubt(p *rawPartitions) string {
	switch {
	case p == nil:
		return "its partitions are not visible"
	case p.sub:
		return "it has subpartitions"
	case p.method != "KEY" && p.method != "LINEAR KEY" && !plainColumns(p.expression):
		return "it is partitioned by the expression " + p.expression
	}
	switch p.method {
	case "HASH", "LINEAR HASH", "KEY", "LINEAR KEY":
		return ""
	case "RANGE", "RANGE COLUMNS":
		if p.open {
			return ""
		}
		return "it has no partition for values above the highest range"
	}
	return "rows may lie outside its " + p.method + " partitions"
}

// plainColumns reports whether a partition expression is a list of quoted
// column names. Text in another form may be an expression.
func plainColumns(s string) bool {
	for {
		end := strings.Index(s[min(1, len(s)):], "`")
		if !strings.HasPrefix(s, "`") || end < 1 {
			return false
		}
		s = s[end+2:]
		if s == "" {
			return true
		}
		if !strings.HasPrefix(s, ",") {
			return false
		}
		s = s[1:]
	}
}
