package sqlrewrite

import (
	"encoding/binary"
	"strings"
	"sync"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// Planner makes plans and remembers them. It is safe for concurrent use.
type Planner struct {
	cache *planCache
	scans sync.Pool // of *scan
}

// NewPlanner makes a Planner that remembers about size plans.
func NewPlanner(size int) *Planner {
	return &Planner{cache: newPlanCache(size), scans: sync.Pool{New: func() any { return new(scan) }}}
}

// Plan decides what happens to a statement. It cannot fail: what cannot be
// read is passed through, as touching every table it may name. The statement's
// literals alias sql, so sql must stay as it is as long as they are used.
func (p *Planner) Plan(sql []byte, env *Env, cat Catalog) *Statement {
	s := p.scans.Get().(*scan)
	defer p.release(s)
	s.key = appendEnv(s.key, env, cat)
	s.run(sql, env.Mode)
	// Where the tokens are doubtful, the text that the key leaves out matters.
	cached := !s.broken && !s.executable && !s.uncached && (safeCharset(env.Charset) || ascii(sql))
	var plan *Plan
	if cached {
		plan = p.cache.get(s.key)
	}
	if plan == nil {
		plan = makePlan(sql, env, cat, s)
		if cached {
			p.cache.put(s.key, plan)
		}
	}
	if len(env.Temporary) > 0 && plan.Table != nil && env.Temporary[strings.ToLower(plan.Table.Name.String())] {
		plan = plan.shadowed
	}
	return s.statement(plan)
}

// maxPooled is the largest scan buffer that is kept for the next statement.
const maxPooled = 1 << 20

// release gives a scan back, without what it holds of the statement.
func (p *Planner) release(s *scan) {
	if cap(s.key) <= maxPooled && cap(s.slots) <= maxPooled/64 {
		s.reset()
		p.scans.Put(s)
	}
}

// appendEnv writes what of a session changes a plan, in a form that no two
// sessions share unless they are alike.
func appendEnv(b []byte, env *Env, cat Catalog) []byte {
	b = binary.AppendUvarint(b, uint64(len(env.DB)))
	b = append(b, env.DB...)
	b = binary.AppendUvarint(b, uint64(len(env.Charset)))
	b = append(b, env.Charset...)
	b = binary.LittleEndian.AppendUint32(b, uint32(env.Mode))
	b = binary.LittleEndian.AppendUint64(b, cat.Version())
	b = binary.LittleEndian.AppendUint32(b, uint32(env.Version))
	shadows := byte(0)
	if env.Shadows {
		shadows = 1
	}
	b = binary.AppendUvarint(b, uint64(len(env.Missing))) // else a server of one version has one set
	return append(b, byte(env.Dialect), byte(env.LowerCaseNames), shadows)
}

// unreadModes change what is parsed in ways that are not followed here; of
// ModeIgnoreSpace see callsApart.
// inexactModes change what is stored or shown, but not what is parsed.
const (
	unreadModes  = ModeOther
	inexactModes = ModePadCharToFullLength
)

// makePlan plans a statement that the cache does not have.
func makePlan(sql []byte, env *Env, cat Catalog, s *scan) *Plan {
	g := planning{sql: sql, env: env, cat: cat, scan: s, plan: &Plan{}}
	list := g.classify(0)
	pass := g.plan
	if len(pass.Reads)+len(pass.Writes) == 0 || len(list) != 1 || s.broken || s.executable || s.several || s.hint || g.doubtful() {
		return pass
	}
	if !list[0].word(0, "INSERT", "UPDATE", "DELETE", "SELECT") && !(env.Shadows && list[0].word(0, "REPLACE")) {
		return pass
	}
	plan, reason := g.absorbed(list[0].toks)
	if plan == nil {
		// A locking read stays one, whatever else it is.
		if pass.Reason != ReasonLockingRead {
			pass.Reason = reason
		}
		return pass
	}
	plan.touchOnly(plan.Table.Name, cat)
	plan.Snapshot, plan.Named = pass.Snapshot, pass.Named
	shadowed := *pass
	shadowed.Reason = ReasonTemporary
	plan.shadowed = &shadowed
	return plan
}

// absorbed reads a statement as one that is computed here, or else as one for
// the shadow; nil and the reason if it is neither.
func (g *planning) absorbed(toks []token) (*Plan, Reason) {
	if g.env.Mode&unreadModes != 0 || g.env.Mode&inexactModes != 0 && !g.env.Shadows || g.env.Mode&ModeIgnoreSpace != 0 && callsApart(g.sql, toks) {
		return nil, ReasonSQLMode
	}
	why := ReasonSQLMode
	if g.env.Mode&inexactModes == 0 {
		p, plan := newParser(g.sql, toks, g.env, g.cat), &Plan{slots: len(g.scan.slots)}
		if p.absorb(plan) {
			if !p.servers(plan) {
				return g.exact(p, plan)
			}
			p.reason = ReasonComputed
		}
		why = p.reason
	}
	if !g.env.Shadows {
		return nil, why
	}
	p, plan := newParser(g.sql, toks, g.env, g.cat), &Plan{slots: len(g.scan.slots), Shadow: ShadowMust, Reason: why}
	switch {
	case !p.outline(plan):
		return nil, p.reason
	case !p.confirmed(nil, plan):
		return nil, ReasonSecondReading
	}
	if p.servers(plan) && !plan.Scans {
		plan.Reason = ReasonComputed
	}
	plan.Table = p.t
	return plan, ""
}

// exact finishes the plan of a statement that our own code computes.
func (g *planning) exact(p *parser, plan *Plan) (*Plan, Reason) {
	foreign := plan.Verb == PointRead && g.env.Charset != "utf8mb4"
	switch {
	case foreign && !g.env.Shadows:
		return nil, ReasonSessionCharset
	case !p.confirmed(g.scan.text(), plan):
		return nil, ReasonSecondReading
	case foreign:
		plan.Shadow, plan.Reason = ShadowMust, ReasonSessionCharset
	case g.env.Shadows:
		plan.Shadow = ShadowMay
	}
	plan.Table = p.t
	return plan, ""
}

// touchOnly says that the statement touches one table: it was understood to
// the last word, so no other name in it is a table.
func (p *Plan) touchOnly(n schema.Name, cat Catalog) {
	if p.Verb == PointRead {
		p.Reads = []schema.Name{n}
	} else {
		p.Writes = cat.WrittenWith(n, p.Verb == Insert)
	}
}
