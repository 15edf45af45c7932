package proxy

import (
	"context"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// keys names the rows an UPDATE, DELETE or SELECT that is computed here is
// about.
func keys(p *sqlrewrite.Plan, args []sqlrewrite.Arg, env *sqlrewrite.Env) (absorber.Scope, string) {
	if p.Index == nil {
		refs, why := p.Keys(args, env)
		return absorber.Scope{Refs: refs}, string(why)
	}
	values, why := p.IndexKeys(args, env)
	return absorber.Scope{Unique: uniqueValues(p, values)}, string(why)
}

// candidates names the rows such a statement can touch when MySQL computes it.
func candidates(p *sqlrewrite.Plan, args []sqlrewrite.Arg, env *sqlrewrite.Env) (absorber.Scope, string) {
	refs, values, why := p.Candidates(args, env)
	return absorber.Scope{Refs: refs, Unique: uniqueValues(p, values)}, string(why)
}

// uniqueValues are values of the plan's index as the engine takes them.
func uniqueValues(p *sqlrewrite.Plan, keys []sqlrewrite.IndexKey) []absorber.UniqueValue {
	values := make([]absorber.UniqueValue, len(keys))
	for i, k := range keys {
		values[i] = absorber.UniqueValue{Index: *p.Index, Encoded: k.Key, Values: k.Values}
	}
	return values
}

// widen adds to the scope the rows that have the primary key or a unique value
// of one of the new rows.
func widen(sc *absorber.Scope, p *sqlrewrite.Plan, rows []row.Image) error {
	for _, im := range rows {
		ref, err := row.IndexRef(p.Table, im)
		if err != nil {
			return &absorber.Refused{Reason: string(sqlrewrite.ReasonKeyValue)}
		}
		sc.Refs = append(sc.Refs, ref)
		for _, ix := range p.Table.Uniques {
			values := make([][]byte, len(ix.Columns))
			for i, c := range ix.Columns {
				values[i] = im[c]
			}
			key, ok, err := row.EncodeIndex(p.Table, ix, values)
			if err != nil {
				return &absorber.Refused{Reason: string(sqlrewrite.ReasonKeyValue)}
			}
			if ok {
				sc.Unique = append(sc.Unique, absorber.UniqueValue{Index: ix, Encoded: key, Values: values})
			}
		}
	}
	return nil
}

// lookup reads the rows in the scope that exist, ascending by key.
func (s *session) lookup(ctx context.Context, p *sqlrewrite.Plan, sc absorber.Scope) ([]row.Image, error) {
	if len(sc.Unique) > 0 {
		return s.lookupUnique(ctx, p.Table, sc.Unique)
	}
	images, err := s.lookupRows(ctx, p.Table, sc.Refs)
	found := images[:0]
	for _, im := range images {
		if im != nil {
			found = append(found, im)
		}
	}
	return found, err
}
