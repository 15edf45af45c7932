package sqlrewrite

import (
	"slices"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// Shadow says whether an absorbed statement may be run on a shadow: a
// temporary table of the same name and definition that holds the images of all
// rows the statement can touch. The server then computes and answers; what is
// proved here is that it is one statement on this one table, which rows it can
// touch or read, and that nothing else than these rows, the parameters, the
// session's variables and its fixed timestamp goes into the result.
type Shadow uint8

// The ways of execution. When Rows, Apply, ApplyDuplicate or Matches of a
// ShadowMay plan gives a Reason, the shadow may have the statement instead;
// those of a ShadowMust plan always give Plan.Reason. A Reason of Candidates
// or Generates means that the shadow cannot have it either: forward it.
const (
	ShadowNo   Shadow = iota // computed here or forwarded
	ShadowMay                // computed here, else by the shadow
	ShadowMust               // by the shadow only
)

// String names the way as golden files show it.
func (s Shadow) String() string { return [...]string{"no", "may", "must"}[s] }

// IndexKey is a row named by the values of a unique index: Key as
// row.EncodeIndex gives it, Values in stored form, in the index's order.
type IndexKey struct {
	Key    string
	Values [][]byte
}

// Candidates names the rows that an Update, Delete or PointRead can touch or
// read when the shadow executes it: no row beside them fulfils WHERE, but they
// need not. Rows are named by primary key (refs), or by Plan.Index (index);
// ascending, without repeats. With a Reason there are none: forward the
// statement.
func (p *Plan) Candidates(args []Arg, env *Env) (refs []row.Ref, index []IndexKey, r Reason) {
	switch {
	case p.Shadow == ShadowNo || p.where == nil || p.Scans:
		return nil, nil, ReasonNoKey
	case len(args) < p.slots:
		return nil, nil, ReasonParameters
	}
	if p.Index == nil {
		refs, r = p.refs(args, env)
	} else {
		index, r = p.indexKeys(args, env)
	}
	if r == "" {
		r = p.where.shadowLimited(len(refs)+len(index), args)
	}
	if r != "" {
		return nil, nil, r
	}
	return refs, index, ""
}

// shadowLimited says why the result on the shadow may differ from that on the
// table, which holds more rows and may be read in another order: with at most
// one candidate it cannot.
func (k *keyPlan) shadowLimited(rows int, args []Arg) Reason {
	switch {
	case rows <= 1:
		return ""
	case k.single:
		return ReasonSeveralRows
	case k.total || k.limit < 0:
		return ""
	case k.offset >= 0 && !k.atLeast(k.offset, args, 0, 0):
		return ReasonLimit
	case !k.atLeast(k.limit, args, rows, -1):
		return ReasonLimit
	}
	return ""
}

// atLeast reports whether a number of LIMIT is an integer of at least low, and
// at most high unless that is negative.
func (k *keyPlan) atLeast(slot int32, args []Arg, low, high int) bool {
	a := args[slot]
	n, ok := exactOf(a)
	if !ok || a.Kind != row.KindInt || !n.n.IsInt64() {
		return false
	}
	i := n.n.Int64()
	return i >= int64(low) && (high < 0 || i <= int64(high))
}

// eachKey computes the stored values of every key of the condition, in the
// order of the key's columns, until add refuses one.
func (p *Plan) eachKey(args []Arg, env *Env, add func(values [][]byte) bool) Reason {
	k := p.where
	if r := k.sameKinds(args); r != "" {
		return r
	}
	columns := p.Table.Primary.Columns
	if p.Index != nil {
		columns = p.Index.Columns
	}
	mode := env.storeMode()
	mode.Strict = true // comparing is not storing: nothing may be cut off
	for _, tuple := range k.tuples {
		values := make([][]byte, len(k.columns))
		for i, o := range tuple {
			c := k.columns[i]
			a := args[o.slot]
			if env.Charset != "utf8mb4" && a.Kind == row.KindString {
				var ok bool
				if a.Text, ok = env.keyText(&p.Table.Columns[c], a.Text); !ok {
					return ReasonSessionCharset
				}
			}
			stored, ok := keyValue(&p.Table.Columns[c], a, o.negated, mode)
			if !ok {
				return ReasonKeyValue
			}
			values[slices.Index(columns, c)] = stored
		}
		if !add(values) {
			return ReasonKeyValue
		}
	}
	return ""
}

// refs names the rows by primary key, ascending, without repeats.
func (p *Plan) refs(args []Arg, env *Env) ([]row.Ref, Reason) {
	refs := make([]row.Ref, 0, len(p.where.tuples))
	r := p.eachKey(args, env, func(values [][]byte) bool {
		ref, err := row.EncodeKey(p.Table, values)
		refs = append(refs, ref)
		return err == nil
	})
	if r != "" {
		return nil, r
	}
	slices.SortFunc(refs, func(a, b row.Ref) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return slices.CompactFunc(refs, func(a, b row.Ref) bool { return a.Key == b.Key }), ""
}

// indexKeys names the rows by the plan's unique index, ascending, without
// repeats.
func (p *Plan) indexKeys(args []Arg, env *Env) ([]IndexKey, Reason) {
	keys := make([]IndexKey, 0, len(p.where.tuples))
	r := p.eachKey(args, env, func(values [][]byte) bool {
		key, claim, err := row.EncodeIndex(p.Table, *p.Index, values)
		keys = append(keys, IndexKey{Key: key, Values: values})
		return err == nil && claim
	})
	if r != "" {
		return nil, r
	}
	slices.SortFunc(keys, func(a, b IndexKey) int { return strings.Compare(a.Key, b.Key) })
	return slices.CompactFunc(keys, func(a, b IndexKey) bool { return a.Key == b.Key }), ""
}
