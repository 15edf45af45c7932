package schema

import (
	"fmt"
	"slices"
	"strings"
)

// build makes the catalog of what was read.
func build(q Queryer, s server, r *raw, o Options) (*Catalog, error) {
	tables := make([]*Table, 0, len(r.tables))
	for _, rt := range r.tables {
		t, err := newTable(s.dialect, rt, r, o)
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	if err := linkForeignKeys(s.dialect, tables, r, o); err != nil {
		return nil, err
	}
	var absorbable []*Table
	for _, t := range tables {
		if !t.Absorbable() {
			continue
		}
		if s.dialect == MySQL {
			if err := findDroppedDefaults(q, r, t); err != nil {
				return nil, err
			}
		}
		absorbable = append(absorbable, t)
	}
	unknown := orderUniques(q, s.dialect, r, absorbable)
	for _, t := range tables {
		t.Version = definitionHash(t)
	}
	g := newGraph(r)
	c := newCatalog(s, tables, g, warnings(r, g, tables, unknown))
	c.raw = r
	return c, nil
}

// newTable builds one table and judges it.
func newTable(d Dialect, rt rawTable, r *raw, o Options) (*Table, error) {
	t := &Table{Name: rt.name, Dialect: d, AutoIncrement: -1}
	stored := !strings.HasSuffix(rt.kind, "VIEW") && rt.kind != "SEQUENCE"
	// With SELECT on some columns only those would be listed.
	if stored && r.grants.has("SELECT", rt.name) {
		for i, rc := range r.columns[rt.name] {
			rc.json = slices.ContainsFunc(r.checks[rt.name], func(ck rawCheck) bool { return ck.clause == jsonClause(rc.name) })
			c := newColumn(d, rc)
			if c.AutoIncrement {
				t.AutoIncrement = i
			}
			t.Columns = append(t.Columns, c)
		}
		if len(t.Columns) > 0 {
			if err := setIndexes(t, r.indexes[rt.name]); err != nil {
				return nil, err
			}
		}
	}
	judge(t, rt, r, o)
	return t, nil
}

// setIndexes fills in the primary key and the unique indexes, these in the
// order of their names. Indexes over expressions are left to judgeIndexes.
func setIndexes(t *Table, parts []rawPart) error {
	at := map[string]int{}
	var all []Index
	for _, p := range parts {
		if !p.unique {
			continue
		}
		i, ok := at[p.index]
		if !ok {
			i = len(all)
			at[p.index] = i
			all = append(all, Index{Name: p.index})
		}
		column := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == p.column })
		if p.column == "" {
			continue
		}
		if column < 0 {
			return fmt.Errorf("read index %s of %s: %w", p.index, t.Name, errChanged)
		}
		all[i].Columns = append(all[i].Columns, column)
		all[i].Prefix = append(all[i].Prefix, p.prefix)
	}
	for _, ix := range all {
		if ix.Name == "PRIMARY" {
			t.Primary = ix
		} else {
			t.Uniques = append(t.Uniques, ix)
		}
	}
	return nil
}

// warnings tells what the account's grants hide, and what happens behind the
// proxy's back.
func warnings(r *raw, g *graph, tables []*Table, unknown []Name) []string {
	var out []string
	everywhere := Name{DB: "*", Table: "*"}
	for _, w := range []struct{ privilege, hidden string }{
		{"SELECT", "views, routines and foreign keys of databases that the account cannot see are not taken into account"},
		{"TRIGGER", "triggers of other tables that write to absorbed ones are not seen"},
		{"SHOW VIEW", "views whose definition is hidden count as reading every absorbed table"},
	} {
		if !r.grants.has(w.privilege, everywhere) {
			out = append(out, fmt.Sprintf("the account lacks %s ON *.*: %s", w.privilege, w.hidden))
		}
	}
	for _, n := range unknown {
		out = append(out, fmt.Sprintf("the order of the unique indexes of %s is not known (the account needs PROCESS ON *.*, "+
			"and MySQL does not tell it for partitioned tables): a row that violates two of them may be refused with the other's name", n))
	}
	reached := g.reach(tables, writing)
	for _, e := range r.events {
		if len(reached.by[fold(e.name.Table)]) > 0 {
			out = append(out, fmt.Sprintf("event %s may write to absorbed tables behind the proxy's back", e.name))
		}
	}
	return out
}
