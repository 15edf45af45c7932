package schema

import (
	"slices"
	"strings"
)

// readChecks reads the enforced CHECK constraints.
func (r *raw) readChecks(q Queryer, d Dialect, in scope) error {
	sql := "SELECT t.TABLE_SCHEMA, t.TABLE_NAME, t.CONSTRAINT_NAME, c.CHECK_CLAUSE FROM information_schema.TABLE_CONSTRAINTS t" +
		" LEFT JOIN information_schema.CHECK_CONSTRAINTS c ON c.CONSTRAINT_SCHEMA = t.CONSTRAINT_SCHEMA AND c.CONSTRAINT_NAME = t.CONSTRAINT_NAME" +
		" WHERE t.CONSTRAINT_TYPE = 'CHECK' AND t.ENFORCED = 'YES' AND " + in("t.TABLE_SCHEMA", "t.TABLE_NAME")
	if d == MariaDB {
		sql = "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS" +
			" WHERE " + in("CONSTRAINT_SCHEMA", "TABLE_NAME")
	}
	rows, err := query(q, "the check constraints", 4, sql)
	if err != nil {
		return err
	}
	for _, v := range rows {
		n := nameOf(v[0], v[1])
		r.checks[n] = append(r.checks[n], rawCheck{name: string(v[2]), clause: string(v[3])})
	}
	return nil
}

// readForeignKeys reads the foreign keys of the children in the scope. Those
// from any database may point to a wanted table.
func (r *raw) readForeignKeys(q Queryer, s server, in scope) error {
	rows, err := query(q, "the foreign keys", 7, "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, UNIQUE_CONSTRAINT_SCHEMA,"+
		" REFERENCED_TABLE_NAME, CONSTRAINT_NAME, UPDATE_RULE, DELETE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE "+
		in("CONSTRAINT_SCHEMA", "TABLE_NAME"))
	if err != nil {
		return err
	}
	parts, err := query(q, "the columns of the foreign keys", 6, "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME,"+
		" REFERENCED_COLUMN_NAME, ORDINAL_POSITION FROM information_schema.KEY_COLUMN_USAGE WHERE "+in("TABLE_SCHEMA", "TABLE_NAME")+" AND REFERENCED_TABLE_NAME IS NOT NULL"+
		" ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION")
	if err != nil {
		return err
	}
	type key struct {
		child Name
		name  string
	}
	columns, parents := map[key][]string{}, map[key][]string{}
	for _, v := range parts {
		k := key{nameOf(v[0], v[1]), string(v[2])}
		columns[k], parents[k] = append(columns[k], string(v[3])), append(parents[k], string(v[4]))
	}
	spelled := map[Name]Name{} // with lower_case_table_names 2 a key may spell them otherwise
	for _, t := range r.tables {
		spelled[lowerName(t.name)] = t.name
	}
	name := func(db, table []byte) Name {
		n := nameOf(db, table)
		if as, ok := spelled[lowerName(n)]; ok && s.lower != 0 {
			return as
		}
		return n
	}
	keeps := func(rule []byte) bool { return string(rule) == "RESTRICT" || string(rule) == "NO ACTION" }
	for _, v := range rows {
		k := key{nameOf(v[0], v[1]), string(v[4])}
		r.foreignKeys = append(r.foreignKeys, rawForeignKey{name: k.name, child: name(v[0], v[1]), parent: name(v[2], v[3]),
			cascades: !keeps(v[5]) || !keeps(v[6]), columns: columns[k], parentColumns: parents[k]})
	}
	return nil
}

// readTriggers reads the triggers on the tables in the scope.
func (r *raw) readTriggers(q Queryer, in scope) error {
	return r.readStored(q, "the triggers", &r.triggers, "SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME, ACTION_STATEMENT, 'SQL'"+
		" FROM information_schema.TRIGGERS WHERE "+in("EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE"))
}

// readBodies reads the other stored SQL through which a statement can reach
// tables that it does not name. Routines of the server's own databases count
// too: sys.execute_prepared_stmt runs whatever it is given.
func (r *raw) readBodies(q Queryer) error {
	for _, b := range []struct {
		what string
		into *[]rawBody
		sql  string
	}{
		{"the views", &r.views, "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_NAME, VIEW_DEFINITION, 'SQL'" +
			" FROM information_schema.VIEWS WHERE TABLE_SCHEMA NOT IN " + ownSchemas},
		{"the routines", &r.routines, "SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_NAME, ROUTINE_DEFINITION, ROUTINE_BODY" +
			" FROM information_schema.ROUTINES"},
		{"the events", &r.events, "SELECT EVENT_SCHEMA, EVENT_NAME, EVENT_NAME, EVENT_DEFINITION, EVENT_BODY" +
			" FROM information_schema.EVENTS WHERE STATUS = 'ENABLED'"},
	} {
		if err := r.readStored(q, b.what, b.into, b.sql); err != nil {
			return err
		}
	}
	return nil
}

// readStored reads bodies of one kind.
func (r *raw) readStored(q Queryer, what string, into *[]rawBody, sql string) error {
	rows, err := query(q, what, 5, sql)
	if err != nil {
		return err
	}
	for _, v := range rows {
		*into = append(*into, newBody(nameOf(v[0], v[1]), string(v[2]), string(v[3]), string(v[4]) == "SQL"))
	}
	return nil
}

// defining are the words of statements that change definitions or rights. CREATE
// and DROP of temporary tables change none.
var defining = map[string]bool{"alter": true, "rename": true, "grant": true, "revoke": true, "import": true}

// newBody reads the words of a body. Dynamic SQL can name anything, and a
// database that is dropped takes tables along that are not named.
func newBody(name Name, title, sql string, isSQL bool) rawBody {
	b := rawBody{name: name, title: title, opaque: strings.TrimSpace(sql) == "" || !isSQL}
	var before string
	identifiers(sql, func(word string) {
		word = fold(word)
		b.defines = b.defines || defining[word] || (before == "create" || before == "drop") && word != "temporary"
		switch word {
		case "prepare", "execute":
			b.opaque = true
		case "database", "schema":
			b.opaque = b.opaque || before == "drop" || before == "replace"
		}
		before = word
		b.words = append(b.words, word)
	})
	slices.Sort(b.words)
	b.words = slices.Compact(b.words)
	return b
}
