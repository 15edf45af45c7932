package schema

import "strings"

// readChecks reads the enforced CHECK constraints, of all tables.
func (r *raw) readChecks(q Queryer, d Dialect) error {
	sql := "SELECT t.TABLE_SCHEMA, t.TABLE_NAME, t.CONSTRAINT_NAME, c.CHECK_CLAUSE FROM information_schema.TABLE_CONSTRAINTS t" +
		" LEFT JOIN information_schema.CHECK_CONSTRAINTS c ON c.CONSTRAINT_SCHEMA = t.CONSTRAINT_SCHEMA AND c.CONSTRAINT_NAME = t.CONSTRAINT_NAME" +
		" WHERE t.CONSTRAINT_TYPE = 'CHECK' AND t.ENFORCED = 'YES'"
	if d == MariaDB {
		sql = "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS"
	}
	rows, err := query(q, "the check constraints", 4, sql)
	if err != nil {
		return err
	}
	r.checks = map[Name][]rawCheck{}
	for _, v := range rows {
		n := nameOf(v[0], v[1])
		r.checks[n] = append(r.checks[n], rawCheck{name: string(v[2]), clause: string(v[3])})
	}
	return nil
}

// readForeignKeys reads all foreign keys: one from any database may point to a
// wanted table.
func (r *raw) readForeignKeys(q Queryer, s server) error {
	rows, err := query(q, "the foreign keys", 7, "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, UNIQUE_CONSTRAINT_SCHEMA,"+
		" REFERENCED_TABLE_NAME, CONSTRAINT_NAME, UPDATE_RULE, DELETE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS")
	if err != nil {
		return err
	}
	parts, err := query(q, "the columns of the foreign keys", 6, "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME,"+
		" REFERENCED_COLUMN_NAME, ORDINAL_POSITION FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_NAME IS NOT NULL"+
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
	r.foreignKeys = nil
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

// readBodies reads the stored SQL through which a statement can reach tables
// that it does not name. Routines of the server's own databases count too:
// sys.execute_prepared_stmt runs whatever it is given.
func (r *raw) readBodies(q Queryer) error {
	own := " NOT IN " + ownSchemas
	for _, b := range []struct {
		what string
		into *[]rawBody
		sql  string
	}{
		{"the triggers", &r.triggers, "SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME, ACTION_STATEMENT, 'SQL'" +
			" FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA" + own},
		{"the views", &r.views, "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_NAME, VIEW_DEFINITION, 'SQL'" +
			" FROM information_schema.VIEWS WHERE TABLE_SCHEMA" + own},
		{"the routines", &r.routines, "SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_NAME, ROUTINE_DEFINITION, ROUTINE_BODY" +
			" FROM information_schema.ROUTINES"},
		{"the events", &r.events, "SELECT EVENT_SCHEMA, EVENT_NAME, EVENT_NAME, EVENT_DEFINITION, EVENT_BODY" +
			" FROM information_schema.EVENTS WHERE STATUS = 'ENABLED'"},
	} {
		rows, err := query(q, b.what, 5, b.sql)
		if err != nil {
			return err
		}
		*b.into = nil
		for _, v := range rows {
			body := rawBody{name: nameOf(v[0], v[1]), title: string(v[2]), sql: string(v[3])}
			body.opaque = strings.TrimSpace(body.sql) == "" || string(v[4]) != "SQL"
			*b.into = append(*b.into, body)
		}
	}
	return nil
}
