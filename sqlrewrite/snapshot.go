package sqlrewrite

// Snapshot says whether a statement takes the snapshot of a REPEATABLE READ
// transaction that has none yet: InnoDB takes it when rows are first read
// without a lock.
type Snapshot uint8

const (
	SnapshotNo   Snapshot = iota // it reads no rows, or locks those that it reads
	SnapshotMay                  // it may read rows without a lock
	SnapshotTake                 // it does, unless InnoDB sees that no row can match
)

// snapshot is what the pieces of a text do about it.
func (g *planning) snapshot(list []*piece, opaque bool) Snapshot {
	if opaque || g.scan.executable || len(list) > 1 {
		for _, p := range list {
			if opaque || p.snapshot() != SnapshotNo {
				return SnapshotMay
			}
		}
		return SnapshotNo
	}
	for _, p := range list {
		return p.snapshot()
	}
	return SnapshotNo
}

// snapshot is what one statement does about it. Words that are not in doubt
// count only: what a routine or a trigger reads is not seen.
func (p *piece) snapshot() Snapshot {
	switch {
	case p.word(0, "START"):
		if p.has("SNAPSHOT") {
			return SnapshotTake
		}
		return SnapshotNo
	case p.word(0, "CALL", "EXECUTE", "CHECKSUM", "HANDLER", "EXPLAIN", "DESCRIBE", "DESC", "ANALYZE", "TABLE"):
		return SnapshotMay
	case p.word(0, "INSERT", "REPLACE", "UPDATE", "DELETE", "LOAD"): // what they read besides, they lock
		return SnapshotNo
	case !p.has("FROM") || p.effect&EffectDDL != 0:
		return SnapshotNo
	case p.reason == ReasonLockingRead: // a subquery is not locked
		if p.count("SELECT") > 1 {
			return SnapshotMay
		}
		return SnapshotNo
	case p.write, !p.word(0, "SELECT", "WITH"), !p.readsTable():
		return SnapshotMay
	}
	return SnapshotTake
}

// count is how often a bare word stands.
func (p *piece) count(word string) int {
	n := 0
	for i := range p.toks {
		if p.word(i, word) {
			n++
		}
	}
	return n
}

// readsTable reports whether a FROM that is in no parentheses, so not one of a
// function's, names something that may be a table of InnoDB.
func (p *piece) readsTable() bool {
	depth := 0
	for i := range p.toks {
		switch {
		case p.op(i, "("):
			depth++
		case p.op(i, ")"):
			depth--
		case depth == 0 && p.word(i, "FROM"):
			name, ok := p.name(i + 1)
			return ok && !serverSchemas[lower([]byte(name))]
		}
	}
	return false
}

// serverSchemas are where reading takes no snapshot, or may not; DUAL is no table.
var serverSchemas = map[string]bool{"dual": true, "information_schema": true, "performance_schema": true, "mysql": true, "sys": true}
