package differential

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/servertest"
	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/rawclient"
	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// pair is a session on each side.
type pair struct {
	*side
	proxy *side
	loose bool // the rows' numbers in the messages of the last statement are not compared
}

// side is one connection with its prepared statements.
type side struct {
	*rawclient.Client
	prepared  map[string]*rawclient.Statement
	types     map[string][]byte // what was sent for the parameters last
	remembers bool              // MySQL: a statement of its own for each class of types and character set (proxy/DESIGN.md)
	names     string            // the last SET NAMES
}

// newSide logs in.
func newSide(addr, db string, caps wire.Capability) (*side, error) {
	c, err := rawclient.Dial(addr, servertest.AppUser, password, db, caps)
	return &side{Client: c, prepared: map[string]*rawclient.Statement{}, types: map[string][]byte{}}, err
}

// close ends both.
func (p *pair) close() { _, _ = p.Close(), p.proxy.Close() }

// run runs a statement and returns the packets of all responses.
func (d *side) run(s *statement) ([][]byte, error) {
	text, params := s.sql()
	if strings.HasPrefix(text, "SET NAMES ") {
		d.names = text
	}
	if !s.prepared {
		packets, err := d.Query(text)
		return failed(packets), err
	}
	bound := make([]rawclient.Param, len(params))
	types := make([]byte, 0, 2*len(params))
	for i, v := range params {
		bound[i] = *v.param
		types = append(types, bound[i].Type, 0)
		if bound[i].Unsigned {
			types[2*i+1] = 1
		}
	}
	var all [][]byte
	name := text
	if d.remembers {
		name += classes(params) + d.names
	}
	if d.prepared[name] == nil {
		packets, st, err := d.Prepare(text)
		if err != nil || st == nil {
			return packets, err
		}
		all, d.prepared[name] = packets, st
	}
	// Clients send the types again only when they differ.
	packets, err := d.Execute(d.prepared[name], !bytes.Equal(types, d.types[name]), bound...)
	d.types[name] = types
	return append(all, failed(packets)...), err
}

// classes tells how the parameters are bound.
func classes(params []value) string {
	out := make([]byte, len(params))
	for i, v := range params {
		out[i] = v.class()
	}
	return string(out)
}

// difference is the first thing that was not the same.
type difference struct {
	step, statement int
	what            string
	signature       string // of what kind it is; smaller scripts must have the same
}

// connect opens the sessions that are not open, with their settings.
func (s *stage) connect(c *chapter) error {
	if s.pairs != nil {
		return nil
	}
	for _, st := range c.sessions {
		direct, err := newSide(s.db.Addr, s.direct, st.caps)
		if err != nil {
			return err
		}
		proxy, err := newSide(s.addresses.Proxy, s.proxied, st.caps)
		if err != nil {
			return errors.Join(err, direct.Close())
		}
		direct.remembers, proxy.remembers = c.mysql, c.mysql
		s.pairs = append(s.pairs, &pair{side: direct, proxy: proxy})
	}
	for i, st := range c.sessions {
		// FOUND_ROWS() of a session without a SELECT is a matter of its own.
		for _, o := range append([]*statement{{kind: kindSession, verb: "SELECT 1"}}, st.opening...) {
			if r, err := s.compare(s.pairs[i], o, c.clocks); r.diff != "" || err != nil {
				return errors.Join(err, fmt.Errorf("%s%s", o, r.diff))
			}
		}
	}
	return nil
}

// compared is what became of a statement on both sides.
type compared struct {
	diff      string // "" if the answers are the same
	signature string
	direct    [][]byte // what the server said
	answer    [][]byte // what the proxy said, with the direct database's name
}

// compare runs a statement on both sides.
func (s *stage) compare(p *pair, st *statement, clocks bool) (compared, error) {
	direct, err := p.run(st)
	if err != nil {
		return compared{}, fmt.Errorf("directly: %s: %w", st, err)
	}
	answer, err := p.proxy.run(st)
	if err != nil {
		return compared{diff: fmt.Sprintf("\n  the connection to the proxy broke: %v", err), signature: "broken"}, nil
	}
	for i := range answer {
		answer[i] = bytes.ReplaceAll(answer[i], []byte(s.proxied), []byte(s.direct))
	}
	unlike(direct, p.Caps())
	unlike(answer, p.Caps())
	if st.prepared {
		unmixed(direct)
		unmixed(answer)
	}
	text, _ := st.sql()
	switch st.kind {
	case kindOther, kindTransaction, kindUpdateScan, kindDeleteScan:
		p.loose = true
	case kindOutcome: // shows the messages of the statement before
	default:
		// The optimizer may read several rows of a small table by any index.
		p.loose = strings.Contains(text, " IN (")
	}
	if p.loose {
		unnumber(direct)
		unnumber(answer)
	}
	if clocks {
		mask(direct)
		mask(answer)
	}
	if st.unordered || strings.HasPrefix(text, "SELECT") && strings.Contains(text, " IN (") && !strings.Contains(text, "ORDER BY") {
		arrange(direct)
		arrange(answer)
	}
	return compared{rawclient.Differing(direct, answer), signature(direct, answer), direct, answer}, nil
}

// arrange orders packets by what is in them, without their numbers.
func arrange(packets [][]byte) {
	slices.SortFunc(packets, func(a, b []byte) int { return bytes.Compare(a[4:], b[4:]) })
	for _, p := range packets {
		p[3] = 0
	}
}

// playing is a run of a chapter.
type playing struct {
	setup   setup
	colder  bool           // the cache is emptied after each statement
	ledger  *ledger        // nil: not counted
	answers func([][]byte) // nil, or told each answer
	wanted  string         // the signature at which to stop, "" for none
	begun   func()         // nil, or told when the proxy runs
}

// maxDifferences is when a chapter is given up.
const maxDifferences = 4

// performance is a chapter while it is played.
type performance struct {
	*stage
	chapter *chapter
	how     playing
	spent   map[*table]bool    // tables whose AUTO_INCREMENT counters may differ
	ahead   map[*table]bool    // those of which MySQL may raise it some time
	stepped bool               // auto_increment_increment was set
	zeroed  bool               // NO_AUTO_VALUE_ON_ZERO was
	counted map[string]float64 // the counters after the last statement; nil: not read
	found   []*difference
	over    bool
}

// play plays a chapter and returns what was not the same.
func (a *arena) play(c *chapter, how playing) (found []*difference, err error) {
	s, err := a.open(c, how.setup)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.leave(s)) }()
	if how.begun != nil {
		how.begun()
	}
	p := &performance{stage: s, chapter: c, how: how, spent: map[*table]bool{}, ahead: map[*table]bool{}}
	for i := range c.steps {
		if err = p.step(i); err != nil || p.over {
			return p.found, err
		}
	}
	d, err := p.last()
	if d != nil {
		d.step = len(c.steps)
		p.found = append(p.found, d)
	}
	return p.found, err
}

// event does an event, and compares the tables if MySQL has everything then.
func (p *performance) event(i int, e event) error {
	p.counted = nil
	if e != drain && e != cold {
		return p.happen(e)
	}
	d, err := p.drained(e)
	if d != nil {
		d.step, p.over = i, true
		p.found = append(p.found, d)
	}
	return err
}

// last drains and compares the tables.
func (p *performance) last() (*difference, error) { return p.drained(drain) }

// drained drains, by the event that is given, and compares the tables.
func (p *performance) drained(e event) (*difference, error) {
	if err := p.happen(e); err != nil {
		return &difference{what: fmt.Sprint("\n  the drain failed: ", err), signature: "drain"}, nil
	}
	for _, t := range p.chapter.tables {
		diff, err := p.tables(t, p.chapter.clocks)
		if diff != "" || err != nil {
			return &difference{what: diff, signature: "table"}, err
		}
	}
	return nil, nil
}

// step does step i.
func (p *performance) step(i int) error {
	st := &p.chapter.steps[i]
	if st.event != "" {
		return p.event(i, st.event)
	}
	if err := p.connect(p.chapter); err != nil {
		return err
	}
	for j, one := range st.statements {
		// An ALTER TABLE would wait for a transaction that is open.
		if j == 0 || st.statements[0].kind != kindTransaction {
			if err := p.level(one); err != nil {
				return err
			}
		} else if p.spent[p.inserted(one)] {
			continue // the counters cannot be levelled now
		}
		var err error
		if p.how.ledger != nil && p.counted == nil {
			if p.counted, err = p.counters(); err != nil {
				return err
			}
		}
		r, err := p.compare(p.pairs[st.session], one, p.chapter.clocks)
		if err != nil {
			return err
		}
		for _, t := range p.spends(one, r.answer) {
			p.spent[t] = true
		}
		var did deed
		if p.how.ledger != nil {
			if did, p.counted, err = p.done(p.counted); err != nil {
				return err
			}
			p.how.ledger.note(one, did, r.answer, p.chapter.tables)
		}
		if r.diff != "" && p.chapter.clocks && sameButChanged(one, r.direct, r.answer) {
			p.over = true // ROW_COUNT() and the rows' own times differ from here on
			return nil
		}
		if r.diff != "" && one.prepared && p.chapter.mysql && (sameButFraction(r.direct, r.answer) || did.reason != "" && (unconverted(r.direct, r.answer) || sameButNumber(r.direct, r.answer))) {
			p.over = true // SHOW WARNINGS has it, too
			return nil
		}
		if r.diff != "" && did.reason != "" && !p.chapter.mysql && sameButNothing(r.direct, r.answer) {
			p.over = true // and with other warnings
			return nil
		}
		if r.diff != "" && (did.reason != "" || p.steps()) && p.inserted(one) != nil && sameButID(r.direct, r.answer) {
			p.over = true // the rows have other keys from here on
			return nil
		}
		if refused, _ := judged(r.answer); refused && r.diff == "" && did.reason != "" && len(one.rows) > 1 && p.inserted(one) != nil {
			p.over = true // MySQL leaves LAST_INSERT_ID() undefined after a statement that failed, and it depends on what values others had
			return nil
		}
		if r.diff != "" {
			if err := p.differs(one, &difference{step: i, statement: j, what: fmt.Sprint("\n  ", did, r.diff), signature: r.signature + one.name()}); err != nil || p.over {
				return err
			}
		}
		if p.how.answers != nil {
			p.how.answers(p.unnamed(r.answer))
		}
		if p.how.colder {
			if err := p.happen(cold); err != nil {
				return err
			}
		}
	}
	return nil
}

// differs notes a difference. What follows is only worth playing while the
// tables are still the same.
func (p *performance) differs(s *statement, d *difference) error {
	p.found = append(p.found, d)
	p.over = d.signature == p.how.wanted || d.signature == "broken" || len(p.found) == maxDifferences
	if p.over || slices.Contains(harmless, s.kind) {
		return nil
	}
	p.counted = nil
	last, err := p.last()
	p.over = last != nil
	return err
}

// harmless are the kinds that change nothing.
var harmless = []kind{kindOutcome, kindSelectKey, kindSelectUnique, kindSelectCondition, kindSelectExpression, kindSelectScan}

// name is what of a statement is part of a difference's signature.
func (s *statement) name() string {
	switch s.kind {
	case kindOutcome, kindTransaction, kindOther, kindInvalid:
		return " for " + strings.Join(strings.Fields(s.verb)[:min(2, len(strings.Fields(s.verb)))], " ")
	}
	if strings.HasPrefix(string(s.kind), "INSERT") {
		return " for INSERT"
	}
	return " for " + string(s.kind)
}

// tables compares a table of both sides, by checksum and row by row.
func (s *stage) tables(t *table, clocks bool) (string, error) {
	queries := []string{"SELECT *" + t.exact() + " FROM %s." + t.name + " ORDER BY " + t.order()}
	// MariaDB's checksum takes virtual columns as they happen to be in memory.
	if !clocks && !slices.Contains(t.traits, traitGenerated) {
		queries = append(queries, "CHECKSUM TABLE %s."+t.name)
	}
	var err error
	if s.observer == nil {
		if s.observer, err = newSide(s.db.Addr, s.direct, 0); err != nil {
			return "", err
		}
	}
	for _, q := range queries {
		var answers [2][][]byte
		for i, name := range []string{s.direct, s.proxied} {
			if answers[i], err = s.observer.Query(fmt.Sprintf(q, name)); err != nil {
				return "", err
			}
			for j := range answers[i] {
				answers[i][j] = bytes.ReplaceAll(answers[i][j], []byte(s.proxied), []byte(s.direct))
			}
			if clocks {
				mask(answers[i])
			}
		}
		if d := rawclient.Differing(answers[0], answers[1]); d != "" {
			return "\n  table " + t.name + " after a drain" + d, nil
		}
	}
	return "", nil
}
