package row

// Follows reports whether a mutation b of a row can come after a mutation a of
// the same row: an insert needs the row to be absent, an update or delete needs
// it to be there.
func Follows(a, b Op) bool {
	return (a == Delete) == (b == Insert)
}

// Fold makes one mutation of two that follow each other on one row (same Table
// and Key, see Follows): applying the result equals applying a, then b.
// gone means that they cancel out and nothing is left to apply.
//
//	insert + update = insert         update + update = update, union of Changed
//	insert + delete = gone           update + delete = delete
//	                                 delete + insert = update of every column
//
// The update that replaces delete + insert sets every column, those of the key
// too: their bytes may differ though the key is equal ('a' and 'A').
// The result shares images with a and b. For a pair that cannot follow each
// other the result is b.
func Fold(a, b Mutation) (m Mutation, gone bool) {
	m = b
	switch {
	case a.Op == Insert && b.Op == Update:
		m.Op, m.Changed = Insert, nil
	case a.Op == Insert && b.Op == Delete:
		return Mutation{}, true
	case a.Op == Update && b.Op == Update:
		m.Changed = union(a.Changed, b.Changed)
		if a.Schema != b.Schema {
			// The positions in a.Changed are those of another definition.
			m.Changed = every(len(b.Image))
		}
	case a.Op == Delete && b.Op == Insert:
		m.Op, m.Changed = Update, every(len(b.Image))
	}
	return m, false
}

// every lists the positions of n columns.
func every(n int) []uint16 {
	all := make([]uint16, n)
	for i := range all {
		all[i] = uint16(i)
	}
	return all
}

// union merges two ascending lists into a new ascending one.
func union(a, b []uint16) []uint16 {
	out := make([]uint16, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			out, a = append(out, a[0]), a[1:]
		case a[0] > b[0]:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}
