package differential

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// MySQL behind the proxy does not learn of AUTO_INCREMENT values that were
// used up without a row: a statement that failed, a row that was ignored, what
// auto_increment_increment skips. When a statement passes through, the counter
// begins again from MySQL's, so later values may differ from those of a direct
// run (proxy/DESIGN.md says so; e2e's TestAutoIncrementEdges compares them while
// nothing passes through). So that everything else can still be compared, the
// counters of such tables are put on the same value before they are used again.

// spends are the tables of which a statement may have used up values without a
// row in MySQL.
func (p *performance) spends(s *statement, answer [][]byte) (spent []*table) {
	if strings.Contains(s.verb, "auto_increment_increment = 3") {
		p.stepped = true
	}
	for _, t := range p.chapter.tables {
		named := slices.Contains(strings.Fields(s.verb), t.name)
		gone := strings.HasPrefix(s.verb, "ROLLBACK") || strings.HasPrefix(s.verb, "DELETE") && named // rows that MySQL perhaps never saw
		if gone && slices.Contains(t.traits, traitAuto) {
			spent = append(spent, t)
		}
	}
	t := p.inserted(s)
	if t == nil {
		return spent
	}
	refused, _ := judged(answer)
	steps := p.stepped || slices.ContainsFunc(p.chapter.sessions, func(st *session) bool { return st.start["step"].trait == traitStep })
	if refused || steps || s.kind == kindInsertIgnore || s.kind == kindReplace || s.kind == kindOnDuplicate {
		spent = append(spent, t)
	}
	return spent
}

// inserted is the table with AUTO_INCREMENT that s puts rows into, nil if it
// puts none into any.
func (p *performance) inserted(s *statement) *table {
	if !strings.HasPrefix(s.verb, "INSERT") && !strings.HasPrefix(s.verb, "REPLACE") {
		return nil
	}
	for _, t := range p.chapter.tables {
		if slices.Contains(t.traits, traitAuto) && slices.Contains(strings.Fields(s.verb), t.name) {
			return t
		}
	}
	return nil
}

// counter finds the counter in SHOW CREATE TABLE.
var counter = regexp.MustCompile(`AUTO_INCREMENT=(\d+)`)

// level puts the counters that a statement may use on the same value on both
// sides.
func (p *performance) level(s *statement) error {
	for _, t := range p.chapter.tables {
		if !p.spent[t] || p.inserted(s) != t && s.kind != kindTransaction {
			continue
		}
		delete(p.spent, t)
		if err := p.stage.level(t); err != nil {
			return err
		}
		p.counted = nil
	}
	return nil
}

// level puts a counter on the value it has on the direct side.
func (s *stage) level(t *table) (err error) {
	direct, err := newSide(s.db.Addr, s.direct, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, direct.Close()) }()
	answer, err := direct.Query("SHOW CREATE TABLE " + t.name)
	if err != nil {
		return err
	}
	next := "1"
	for _, packet := range answer {
		if m := counter.FindSubmatch(packet); m != nil {
			next = string(m[1])
		}
	}
	proxy, err := newSide(s.addresses.Proxy, s.proxied, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, proxy.Close()) }()
	for _, side := range []*side{direct, proxy} {
		answer, err := side.Query("ALTER TABLE " + t.name + " AUTO_INCREMENT = " + next)
		if err != nil {
			return err
		}
		if refused, _ := judged(answer); refused {
			return fmt.Errorf("put the counter of %s on %s: %q", t.name, next, answer)
		}
	}
	return nil
}
