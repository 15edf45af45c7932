package audit

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/absorber/wal"
)

// maxSteps is how many mutations are held at a time.
const maxSteps = 50000

// sumSeed makes the column hashes of a run.
var sumSeed = maphash.MakeSeed()

// step is what one unit does to a row, with hashes for the values.
type step struct {
	lsn     uint64
	op      row.Op
	schema  uint32
	changed []uint16
	sums    []uint64
}

// chain is what the log above the settled mark does to one row.
type chain struct {
	key   letterKey
	ref   row.Image // the primary key's columns, the others empty
	steps []step
}

// sums hashes each column of an image; NULL and the empty string differ.
func sums(im row.Image) []uint64 {
	out := make([]uint64, len(im))
	for i, v := range im {
		if v != nil {
			out[i] = maphash.Bytes(sumSeed, v) | 1
		}
	}
	return out
}

// errTooMany says that a part of the rows has more than maxSteps mutations.
var errTooMany = errors.New("too many mutations")

// chains checks what is pending: MySQL's row as of the checkpoint, then the
// units above it, must lead to the cached row, each from the one before.
func (a *auditor) chains(ctx context.Context, l *lane) ([]Finding, error) {
	units, err := l.node.XLen(ctx, l.prefix+"wal").Result()
	if err != nil {
		return nil, err
	}
	// Units may hold many mutations: with a part that is too large, all begin
	// again with twice as many parts.
	for parts := units/maxSteps + 1; ; parts *= 2 {
		out, err := a.chainsOf(ctx, l, parts)
		if !errors.Is(err, errTooMany) {
			return out, err
		}
	}
}

// chainsOf checks all rows, in parts.
func (a *auditor) chainsOf(ctx context.Context, l *lane, parts int64) ([]Finding, error) {
	tables := map[string]*schema.Table{}
	for _, t := range a.tablesOf(l.name) {
		tables[t.Name.String()] = t
	}
	var out []Finding
	for part := range parts {
		if a.enough(out) {
			break
		}
		upto, byTable, err := a.collect(ctx, l, tables, part, parts)
		if err != nil {
			return nil, err
		}
		for name, list := range byTable {
			for len(list) > 0 {
				n := min(len(list), pageRows)
				found, err := a.chainPage(ctx, l, tables[name], upto, list[:n])
				if err != nil {
					return nil, err
				}
				out, list = append(out, found...), list[n:]
			}
		}
	}
	return out, nil
}

// collect reads the log above the settled mark, and keeps what it does to one
// part of the rows.
func (a *auditor) collect(ctx context.Context, l *lane, tables map[string]*schema.Table, part, parts int64) (upto uint64, byTable map[string][]*chain, err error) {
	m, err := l.same(ctx)
	if err != nil {
		return 0, nil, err
	}
	found, held := map[letterKey]*chain{}, 0
	byTable = map[string][]*chain{}
	stop := errors.New("far enough")
	err = a.entries(ctx, l, m.settled+1, func(e entry) error {
		if e.lsn > m.lsn {
			return stop
		}
		u, err := wal.Decode([]byte(e.data))
		if err != nil {
			return nil // the log's own pass reports it
		}
		for i := range u.Mutations {
			mu := &u.Mutations[i]
			t, k := tables[mu.Table], letterKey{mu.Table, mu.Key}
			if t == nil || int64(maphash.String(sumSeed, mu.Table+"\x00"+string(mu.Key))%uint64(parts)) != part {
				continue
			}
			c := found[k]
			if c == nil {
				c = &chain{key: k}
				found[k] = c
				byTable[mu.Table] = append(byTable[mu.Table], c)
			}
			if len(mu.Image) == len(t.Columns) {
				c.ref = make(row.Image, len(mu.Image))
				for _, at := range t.Primary.Columns {
					c.ref[at] = mu.Image[at]
				}
			}
			c.steps = append(c.steps, step{lsn: e.lsn, op: mu.Op, schema: mu.Schema, changed: mu.Changed, sums: sums(mu.Image)})
			if held++; held > maxSteps && len(found) > 1 {
				return errTooMany
			}
		}
		return nil
	})
	if errors.Is(err, stop) {
		err = nil
	}
	return m.lsn, byTable, err
}

// chainPage checks some rows of a table.
func (a *auditor) chainPage(ctx context.Context, l *lane, t *schema.Table, upto uint64, list []*chain) ([]Finding, error) {
	table := t.Name.String()
	st, err := l.state(ctx, table)
	if err != nil || !st.usable(l) {
		return nil, err
	}
	if err := a.wait(ctx, "rows with pending units", len(list)); err != nil {
		return nil, err
	}
	var refs []row.Image
	for _, c := range list {
		if c.ref != nil {
			refs = append(refs, c.ref)
		}
	}
	var out []Finding
	add := func(c *chain, kind string, lsn uint64, format string, args ...any) {
		key := hexKey(c.key.key)
		if c.ref != nil {
			key = primary(t, c.ref)
		}
		out = append(out, Finding{Kind: kind, Lane: l.name, Table: table, Key: key, LSN: row.LSN(lsn), Detail: fmt.Sprintf(format, args...)})
	}
	err = a.db.snapshot(l.name, func(cp checkpoint) error {
		rows, err := a.db.rows(t, refs)
		if err != nil {
			return err
		}
		for _, c := range list {
			if _, dead := a.letters[c.key]; dead || c.ref == nil {
				continue // its units were computed from a row that MySQL never had
			}
			a.follow(t, c, cp.lsn, rows[c.key.key], add)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, a.chainCached(ctx, l, t, st, upto, list, add)
}

// follow checks the units above the checkpoint one after the other.
func (a *auditor) follow(t *schema.Table, c *chain, cp uint64, base row.Image, add func(c *chain, kind string, lsn uint64, format string, args ...any)) {
	kind, from := "pending_base", "what MySQL has"
	there, now, version := base != nil, sums(base), t.Version
	for _, s := range c.steps {
		if s.lsn <= cp {
			continue
		}
		switch {
		case (s.op == row.Insert) == there:
			add(c, kind, s.lsn, "%s of unit %d does not follow from %s: the row %s", s.op, s.lsn, from, [2]string{"is not there", "is there"}[btoi(there)])
			return
		case there && s.schema == version && len(s.sums) == len(now):
			changed := map[int]bool{}
			for _, at := range s.changed {
				changed[int(at)] = true
			}
			for i := range now {
				if !changed[i] && now[i] != s.sums[i] {
					add(c, kind, s.lsn, "%s of unit %d does not follow from %s: column %s, which it does not change, differs", s.op, s.lsn, from, t.Columns[i].Name)
					return
				}
			}
		}
		there, now, version = s.op != row.Delete, s.sums, s.schema
		kind, from = "pending_step", fmt.Sprintf("unit %d", s.lsn)
	}
}

// btoi is 1 for true.
func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// chainCached compares the cached rows with what the log's last units made of
// them.
func (a *auditor) chainCached(ctx context.Context, l *lane, t *schema.Table, st state, upto uint64, list []*chain, add func(c *chain, kind string, lsn uint64, format string, args ...any)) error {
	table := t.Name.String()
	keys := make([]string, len(list))
	for i, c := range list {
		keys[i] = l.row(table, st.gen, c.key.key)
	}
	rows, err := l.readRows(ctx, keys)
	if err != nil {
		return err
	}
	cp, err := a.db.checkpoint(l.name)
	if err != nil {
		return err
	}
	now, err := l.state(ctx, table)
	if err != nil || now.gen != st.gen || now.incarnation != st.incarnation {
		return err
	}
	for i, c := range list {
		last, r := c.steps[len(c.steps)-1], rows[i]
		if _, dead := a.letters[c.key]; dead || r.err != nil {
			continue
		}
		switch {
		case !r.there || !r.dirty:
			if last.lsn > cp.lsn {
				add(c, "pending_row_missing", last.lsn, "unit %d is not in MySQL (checkpoint %d), and its row is not in the cache, or as a clean one", last.lsn, cp.lsn)
			}
		case uint64(r.version) > upto: // written since
		case uint64(r.version) != last.lsn:
			add(c, "pending_differs", last.lsn, "the cache holds the row as of %d, its last unit is %d", r.version, last.lsn)
		case r.tomb != (last.op == row.Delete):
			add(c, "pending_differs", last.lsn, "the cache and unit %d disagree whether the row is deleted", last.lsn)
		case !r.tomb:
			im, err := row.DecodeImage(r.data, len(last.sums))
			if err != nil {
				add(c, "pending_differs", last.lsn, "the cached image: %v", err)
				continue
			}
			for at, sum := range sums(im) {
				if sum != last.sums[at] {
					add(c, "pending_differs", last.lsn, "the cache is not what unit %d made of the row: column %d differs", last.lsn, at+1)
					break
				}
			}
		}
	}
	return nil
}
