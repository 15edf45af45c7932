package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Reasons for which a table is not absorbed; stable, they are metric labels.
const (
	ReasonView               = "view"                       // a view: statements on it pass through
	ReasonSequence           = "sequence"                   // MariaDB's SEQUENCE
	ReasonSystemVersioned    = "system_versioned"           // MariaDB keeps old rows with times of its own
	ReasonColumnsHidden      = "columns_hidden"             // the account may not read all columns
	ReasonEngine             = "engine"                     // not InnoDB: no transactions
	ReasonNoPrimaryKey       = "no_primary_key"             // rows have no name
	ReasonPrefixPrimaryKey   = "prefix_primary_key"         // the key is only the start of a value
	ReasonColumnType         = "column_type"                // a type whose values are not known here
	ReasonCharset            = "unsupported_charset"        // text not convertible exactly
	ReasonCollation          = "collation"                  // a key's text cannot be compared exactly
	ReasonKeyType            = "key_type"                   // a key over a type that has no exact equality
	ReasonHashUnique         = "hash_unique_index"          // MariaDB's UNIQUE over a BLOB or TEXT
	ReasonFunctionalUnique   = "functional_unique_index"    // uniqueness of an expression
	ReasonFunctionalIndex    = "functional_index"           // an expression that may refuse a row
	ReasonGenerated          = "generated_column"           // a column the server computes
	ReasonTrigger            = "trigger"                    // SQL that runs with each row
	ReasonTriggerPrivilege   = "trigger_privilege"          // triggers cannot be seen
	ReasonForeignKeyChild    = "foreign_key_child"          // a row needs its parent
	ReasonForeignKeyParent   = "foreign_key_parent"         // a row may be held by children
	ReasonForeignKeyCascade  = "foreign_key_cascade"        // the server changes rows by itself
	ReasonCheck              = "check_constraint"           // a condition the server evaluates
	ReasonPartitioned        = "partitioned"                // a row may have no partition
	ReasonAutoIncrementKey   = "auto_increment_not_primary" // AUTO_INCREMENT is not the primary key
	ReasonAutoIncrementFloat = "auto_increment_type"        // AUTO_INCREMENT of FLOAT or DOUBLE
)

// charsets are those whose text converts to utf8mb4 and back unchanged.
var charsets = []string{"utf8mb4", "utf8mb3", "latin1", "ascii", "binary"}

// judge finds every reason why t cannot be absorbed.
func judge(t *Table, rt rawTable, r *raw, o Options) {
	refuse := func(reason, format string, args ...any) {
		t.Refusals = append(t.Refusals, Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)})
	}
	switch {
	case strings.HasSuffix(rt.kind, "VIEW"):
		refuse(ReasonView, "it is a view")
		return
	case rt.kind == "SEQUENCE":
		refuse(ReasonSequence, "it is a sequence")
		return
	case rt.kind == "SYSTEM VERSIONED":
		refuse(ReasonSystemVersioned, "it keeps the history of its rows")
	}
	if len(t.Columns) == 0 {
		refuse(ReasonColumnsHidden, "the account may not see all its columns: GRANT SELECT ON %s.*", quoteName(t.Name.DB))
		return
	}
	if rt.engine != "InnoDB" {
		refuse(ReasonEngine, "its engine is %s, not InnoDB", rt.engine)
	}
	judgeColumns(t, refuse)
	judgePrimary(t, refuse)
	judgeIndexes(t, r.indexes[t.Name], refuse)
	judgeKeys(t, o, refuse)
	judgeRules(t, r, refuse)
	if rt.partitioned() {
		if doubt := partitionDoubt(r.partitions[t.Name]); doubt != "" {
			refuse(ReasonPartitioned, "%s", doubt)
		}
	}
}

// refuser records one reason.
type refuser func(reason, format string, args ...any)

// judgeColumns refuses columns whose values are not known exactly.
func judgeColumns(t *Table, refuse refuser) {
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Generated {
			refuse(ReasonGenerated, "column %s is generated", c.Name)
		}
		if c.Type == Unknown {
			refuse(ReasonColumnType, "column %s has the type %s", c.Name, c.ColumnType)
			continue
		}
		if strings.EqualFold(c.Name, "FTS_DOC_ID") {
			// InnoDB wants its values to grow where there is a FULLTEXT index.
			refuse(ReasonColumnType, "column %s numbers the documents of a FULLTEXT index", c.Name)
		}
		if c.Charset != "" && !slices.Contains(charsets, c.Charset) {
			refuse(ReasonCharset, "column %s has the character set %s", c.Name, c.Charset)
		}
		if (c.Type == Enum || c.Type == Set) && doubtfulMembers(c) {
			refuse(ReasonColumnType, "the members of column %s are not shown by the server as they are", c.Name)
		}
	}
}

// doubtfulMembers holds for ENUM and SET columns whose members may not have
// come through: information_schema shows a character beyond U+FFFF as '?'.
func doubtfulMembers(c *Column) bool {
	if c.Charset == "binary" {
		return true
	}
	return c.Charset == "utf8mb4" && slices.ContainsFunc(c.Members, func(m string) bool { return strings.Contains(m, "?") })
}

// judgePrimary looks at the primary key and AUTO_INCREMENT.
func judgePrimary(t *Table, refuse refuser) {
	if len(t.Primary.Columns) == 0 {
		refuse(ReasonNoPrimaryKey, "it has no primary key")
	}
	if slices.ContainsFunc(t.Primary.Prefix, func(p int) bool { return p > 0 }) {
		refuse(ReasonPrefixPrimaryKey, "its primary key is a prefix of a column")
	}
	if at := t.AutoIncrement; at >= 0 {
		c := &t.Columns[at]
		if len(t.Primary.Columns) != 1 || t.Primary.Columns[0] != at {
			refuse(ReasonAutoIncrementKey, "AUTO_INCREMENT column %s is not the primary key", c.Name)
		}
		if c.Type < Tinyint || c.Type > Bigint {
			refuse(ReasonAutoIncrementFloat, "AUTO_INCREMENT column %s is %s", c.Name, c.ColumnType)
		}
	}
}

// judgeIndexes refuses indexes that are more than an ordered list of columns.
func judgeIndexes(t *Table, parts []rawPart, refuse refuser) {
	seen := map[string]bool{}
	for _, p := range parts {
		if seen[p.index] {
			continue
		}
		switch {
		case p.column == "" && p.unique:
			refuse(ReasonFunctionalUnique, "unique index %s is over an expression", p.index)
		case p.column == "":
			refuse(ReasonFunctionalIndex, "index %s is over an expression, which may refuse a row", p.index)
		case p.unique && p.kind != "BTREE" && p.index != "PRIMARY":
			refuse(ReasonHashUnique, "unique index %s is of the kind %s", p.index, p.kind)
		default:
			continue
		}
		seen[p.index] = true
	}
}

// judgeKeys refuses keys over columns whose equality is not known exactly.
func judgeKeys(t *Table, o Options, refuse refuser) {
	seen := map[int]bool{}
	for _, ix := range append([]Index{t.Primary}, t.Uniques...) {
		for _, at := range ix.Columns {
			c := &t.Columns[at]
			if seen[at] {
				continue
			}
			seen[at] = true
			switch c.Type {
			case Float, JSON:
				refuse(ReasonKeyType, "%s is part of the key %s and has the type %s", c.Name, ix.Name, c.ColumnType)
			case Char, Varchar, Text:
				// MariaDB maps the names of MySQL's 0900 collations to other weights.
				if !o.CollationExact(c.Collation) || t.Dialect == MariaDB && strings.Contains(c.Collation, "_0900_") {
					refuse(ReasonCollation, "%s is part of the key %s and has the collation %s", c.Name, ix.Name, c.Collation)
				}
			}
		}
	}
}

// judgeRules refuses what the server does or checks beyond storing the row.
func judgeRules(t *Table, r *raw, refuse refuser) {
	for _, tr := range r.triggers {
		if tr.name == t.Name {
			refuse(ReasonTrigger, "it has the trigger %s", tr.title)
		}
	}
	if !r.grants.has("TRIGGER", t.Name) {
		refuse(ReasonTriggerPrivilege, "the account may not see its triggers: GRANT TRIGGER ON %s.*", quoteName(t.Name.DB))
	}
	for _, fk := range r.foreignKeys {
		if fk.child != t.Name && fk.parent != t.Name {
			continue
		}
		if fk.child == t.Name {
			refuse(ReasonForeignKeyChild, "foreign key %s points to %s", fk.name, fk.parent)
		}
		if fk.parent == t.Name {
			refuse(ReasonForeignKeyParent, "foreign key %s of %s points to it", fk.name, fk.child)
		}
		if fk.cascades {
			refuse(ReasonForeignKeyCascade, "foreign key %s of %s cascades", fk.name, fk.child)
		}
	}
	for _, ck := range r.checks[t.Name] {
		if at := jsonCheck(ck, t); at < 0 {
			refuse(ReasonCheck, "it has the check constraint %s", ck.name)
		}
	}
}

// jsonCheck is the position of the JSON column a check is about, -1 if it is
// any other check.
func jsonCheck(ck rawCheck, t *Table) int {
	for i := range t.Columns {
		if t.Columns[i].Type == JSON && ck.clause == jsonClause(t.Columns[i].Name) {
			return i
		}
	}
	return -1
}

// jsonClause is the check by which MariaDB makes LONGTEXT its JSON.
func jsonClause(column string) string { return "json_valid(" + quoteName(column) + ")" }
