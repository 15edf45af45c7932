package schema

import (
	"errors"
	"maps"
	"slices"
)

// maxRefreshed is how many tables are asked for one by one; more are read with
// all others.
const maxRefreshed = 32

// Refresh is Load where DDL has changed nothing but the tables named, since old
// was loaded under the same want and o: it reads only those. Their names are as
// the DDL wrote them. What it returns is what Load would return.
func Refresh(q Queryer, old *Catalog, tables []Name, want func(Name) bool, o Options) (*Catalog, error) {
	// Where the server folds names, those of the DDL may not be as it spells them.
	own := slices.ContainsFunc(tables, func(n Name) bool { return slices.Contains(ownDatabases, n.DB) })
	if old.raw == nil || old.server.lower != 0 || own || len(tables) > maxRefreshed {
		return Load(q, want, o)
	}
	changed := map[Name]bool{}
	for _, n := range tables {
		changed[n] = true
	}
	// A child's foreign key tells of its parent.
	for _, fk := range old.raw.foreignKeys {
		if changed[fk.parent] && !changed[fk.child] {
			changed[fk.child] = true
		}
	}
	s, o, restore, err := prepare(q, o)
	if err != nil {
		return nil, err
	}
	cat, err := refresh(q, s, old.raw, changed, want, o)
	if rerr := restore(); err == nil {
		err = rerr
	}
	if s.version != old.server.version || s.lower != old.server.lower || errors.Is(err, errChanged) {
		return Load(q, want, o)
	}
	return cat, err
}

// refresh reads the changed tables and builds.
func refresh(q Queryer, s server, old *raw, changed map[Name]bool, want func(Name) bool, o Options) (*Catalog, error) {
	known, err := atOnce(q, func(q Queryer) error {
		return old.without(changed).readAgain(q, s, maps.Clone(changed), want)
	})
	if err != nil {
		return nil, err
	}
	r := old.without(changed)
	if err := r.readAgain(known, s, changed, want); err != nil {
		return nil, err
	}
	return build(q, s, r, o)
}

// readAgain reads the changed tables, and the grants.
func (r *raw) readAgain(q Queryer, s server, changed map[Name]bool, want func(Name) bool) (err error) {
	for _, n := range slices.SortedFunc(maps.Keys(changed), compareNames) {
		if err := r.readOne(q, s, n, changed, want); err != nil {
			return err
		}
	}
	r.sortTables()
	r.grants, err = readGrants(q)
	return err
}

// readOne reads one table, and the columns of parents that are not known yet.
func (r *raw) readOne(q Queryer, s server, n Name, changed map[Name]bool, want func(Name) bool) error {
	one := newRaw()
	// The server may find others, whose names differ in case.
	wanted := func(t Name) bool { return t == n && !slices.Contains(ownDatabases, n.DB) && want(t) }
	for _, step := range []func() error{
		func() error { return one.readTables(q, wanted, only(n)) },
		func() error { return one.readForeignKeys(q, s, only(n)) },
		func() error { return one.readColumns(q, only(n)) },
		func() error { return one.readIndexes(q, only(n)) },
		func() error { return one.readChecks(q, s.dialect, only(n)) },
		func() error { return one.readTriggers(q, only(n)) },
		func() error { return one.readPartitions(q, only(n)) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	one.foreignKeys = slices.DeleteFunc(one.foreignKeys, func(fk rawForeignKey) bool { return fk.child != n })
	one.triggers = slices.DeleteFunc(one.triggers, func(b rawBody) bool { return b.name != n })
	r.tables = append(r.tables, one.tables...)
	r.foreignKeys = append(r.foreignKeys, one.foreignKeys...)
	r.triggers = append(r.triggers, one.triggers...)
	take(r.columns, one.columns, n)
	take(r.indexes, one.indexes, n)
	take(r.checks, one.checks, n)
	take(r.partitions, one.partitions, n)
	for _, fk := range one.foreignKeys {
		if _, known := r.columns[fk.parent]; known || changed[fk.parent] {
			continue
		}
		changed[fk.parent] = true
		if err := r.readOne(q, s, fk.parent, changed, want); err != nil {
			return err
		}
	}
	return nil
}

// take copies what is known of one table.
func take[V any](to, from map[Name]V, n Name) {
	if v, ok := from[n]; ok {
		to[n] = v
	}
}

// without is a copy without some tables. The receiver, which a catalog was built
// of, does not change.
func (r *raw) without(tables map[Name]bool) *raw {
	c := *r
	c.tables = slices.DeleteFunc(slices.Clone(r.tables), func(t rawTable) bool { return tables[t.name] })
	c.foreignKeys = slices.DeleteFunc(slices.Clone(r.foreignKeys), func(fk rawForeignKey) bool { return tables[fk.child] })
	c.triggers = slices.DeleteFunc(slices.Clone(r.triggers), func(b rawBody) bool { return tables[b.name] })
	c.columns, c.indexes, c.checks = maps.Clone(r.columns), maps.Clone(r.indexes), maps.Clone(r.checks)
	c.partitions, c.nullable, c.order = maps.Clone(r.partitions), maps.Clone(r.nullable), maps.Clone(r.order)
	for n := range tables {
		delete(c.columns, n)
		delete(c.indexes, n)
		delete(c.checks, n)
		delete(c.partitions, n)
		delete(c.nullable, n)
		delete(c.order, innodbName(n))
	}
	return &c
}
