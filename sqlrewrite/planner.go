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
	return append(b, byte(env.Dialect), byte(env.LowerCaseNames))
}

// refusedModes change what is parsed, stored or shown in ways that are not
// followed here.
const refusedModes = ModePadCharToFullLength | ModeIgnoreSpace | ModeOther

// makePlan plans a statement that the cache does not have.
func makePlan(sql []byte, env *Env, cat Catalog, s *scan) *Plan {
	g := planning{sql: sql, env: env, cat: cat, scan: s, plan: &Plan{}}
	list := g.classify(0)
	pass := g.plan
	if len(pass.Reads)+len(pass.Writes) == 0 || len(list) != 1 || s.broken || s.executable || s.several || s.hint || g.doubtful() {
		return pass
	}
	if !list[0].word(0, "INSERT", "UPDATE", "DELETE", "SELECT") {
		return pass
	}
	if env.Mode&refusedModes != 0 {
		pass.Reason = ReasonSQLMode
		return pass
	}
	plan := &Plan{slots: len(s.slots)}
	parser := newParser(sql, list[0].toks, env, cat)
	if !parser.absorb(plan) {
		// A locking read stays one, whatever else it is.
		if pass.Reason != ReasonLockingRead {
			pass.Reason = parser.reason
		}
		return pass
	}
	if plan.Verb == PointRead && env.Charset != "utf8mb4" {
		pass.Reason = ReasonSessionCharset
		return pass
	}
	if !parser.confirmed(s.text(), plan) {
		pass.Reason = ReasonSecondReading
		return pass
	}
	plan.Table = parser.t
	plan.touchOnly(parser.t.Name)
	shadowed := *pass
	shadowed.Reason = ReasonTemporary
	plan.shadowed = &shadowed
	return plan
}

// touchOnly says that the statement touches one table: it was understood to
// the last word, so no other name in it is a table.
func (p *Plan) touchOnly(n schema.Name) {
	if p.Verb == PointRead {
		p.Reads = []schema.Name{n}
	} else {
		p.Writes = []schema.Name{n}
	}
}
