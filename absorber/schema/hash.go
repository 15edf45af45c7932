package schema

import (
	"encoding/binary"
	"hash"
	"hash/fnv"
	"maps"
	"slices"
)

// hasher feeds values to a hash so that no two sequences look alike: each text
// comes with its length.
type hasher struct{ hash.Hash }

// text adds a string.
func (h hasher) text(s string) {
	h.number(len(s))
	h.Write([]byte(s))
}

// number adds an integer.
func (h hasher) number(n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	h.Write(b[:])
}

// flag adds a boolean.
func (h hasher) flag(b bool) {
	if b {
		h.number(1)
	} else {
		h.number(0)
	}
}

// index adds an index.
func (h hasher) index(ix Index) {
	h.text(ix.Name)
	h.number(len(ix.Columns))
	for i, at := range ix.Columns {
		h.number(at)
		h.number(ix.Prefix[i])
	}
}

// definitionHash is a table's Version: FNV-1a over all that images, keys and
// defaults depend on. Refusals do not count.
func definitionHash(t *Table) uint32 {
	sum := fnv.New32a()
	h := hasher{sum}
	h.text(t.Name.DB)
	h.text(t.Name.Table)
	h.number(int(t.Dialect))
	h.number(len(t.Columns))
	for i := range t.Columns {
		c := &t.Columns[i]
		h.text(c.Name)
		h.number(int(c.Type))
		h.text(c.ColumnType)
		h.text(c.Charset)
		h.text(c.Collation)
		h.number(int(c.Default))
		h.text(string(c.DefaultValue))
		h.text(c.generation)
		for _, b := range []bool{c.NotNull, c.OnUpdateNow, c.Generated, c.Virtual, c.Invisible, c.AutoIncrement} {
			h.flag(b)
		}
	}
	h.flag(t.Computed)
	h.index(t.Primary)
	h.number(len(t.Uniques))
	for _, ix := range t.Uniques {
		h.index(ix)
	}
	return sum.Sum32()
}

// catalogHash is a catalog's Version: FNV-1a over all it answers.
func catalogHash(c *Catalog) uint64 {
	sum := fnv.New64a()
	h := hasher{sum}
	h.text(c.server.version)
	h.number(c.server.lower)
	h.number(len(c.tables))
	for _, t := range c.tables {
		h.text(t.Name.DB)
		h.text(t.Name.Table)
		h.number(int(t.Version))
		for i := range t.ForeignKeys {
			k := &t.ForeignKeys[i]
			h.text(k.Name)
			h.text(k.Parent.DB)
			h.text(k.Parent.Table)
			h.text(k.Index)
			h.number(int(k.Target.Version))
			for _, at := range k.Columns {
				h.number(at)
			}
		}
		h.number(len(t.Referenced))
		for _, at := range t.Referenced {
			h.number(at)
		}
		h.number(len(t.Refusals))
		for _, r := range t.Refusals {
			h.text(r.Reason)
			h.text(r.Detail)
		}
	}
	for _, r := range c.touched {
		h.number(len(r.by))
		for _, name := range slices.Sorted(maps.Keys(r.by)) {
			h.text(name)
			h.number(len(r.by[name]))
			for _, n := range r.by[name] {
				h.text(n.DB)
				h.text(n.Table)
			}
		}
	}
	h.number(len(c.graph.defines))
	for _, name := range slices.Sorted(maps.Keys(c.graph.defines)) {
		h.text(name)
	}
	return sum.Sum64()
}
