package differential

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/rawclient"
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
	if strings.Contains(s.verb, "NO_AUTO_VALUE_ON_ZERO") {
		p.zeroed = true
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
	offered := refused || s.kind == kindInsertIgnore || s.kind == kindReplace || s.kind == kindOnDuplicate // rows that may not be there
	if offered && p.chapter.mysql {
		p.ahead[t] = true
	}
	if offered || p.steps() || p.zeroes() {
		spent = append(spent, t)
	}
	return spent
}

// steps reports whether a session has, or had, another auto_increment_increment.
func (p *performance) steps() bool {
	return p.stepped || slices.ContainsFunc(p.chapter.sessions, func(st *session) bool { return st.start["step"].trait == traitStep })
}

// zeroes reports whether a session may store the value 0: MariaDB's counter may
// move by one then, which depends on what its handle of the table was last used
// for (proxy/DESIGN.md).
func (p *performance) zeroes() bool {
	return !p.chapter.mysql && (p.zeroed || slices.ContainsFunc(p.chapter.sessions, func(st *session) bool { return st.start["mode"].trait == traitAutoZero }))
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
		if !p.spent[t] && !p.ahead[t] || p.inserted(s) != t && s.kind != kindTransaction {
			continue
		}
		delete(p.spent, t)
		if err := p.stage.level(t, p.chapter.mysql); err != nil {
			return err
		}
		p.counted = nil
	}
	return nil
}

// level puts the counters on the highest value that one of them has: that of
// either database, and that in Redis. It goes around the proxy, where an ALTER
// TABLE would drain everything. MySQL may raise the counter above a value that a
// row brought along which it has not stored, whenever it opens the table anew
// (proxy/DESIGN.md): so that is done now.
func (s *stage) level(t *table, mysql bool) error {
	var have [2]uint64
	var err error
	if mysql {
		if _, err := s.admin.Exec(fmt.Sprintf("FLUSH TABLES %s.%s, %[3]s.%[2]s", s.direct, t.name, s.proxied)); err != nil {
			return err
		}
	}
	for i, db := range []string{s.direct, s.proxied} {
		if have[i], err = s.next(db + "." + t.name); err != nil {
			return err
		}
	}
	r, err := s.counterInRedis(t)
	if err != nil {
		return err
	}
	highest := max(have[0], have[1], r.next)
	for _, db := range []string{s.direct, s.proxied} {
		if have[0] == highest && have[1] == highest {
			break
		}
		// Both, since MariaDB's ALTER TABLE changes more: a default of FLOAT keeps six digits.
		if _, err := s.admin.Exec(fmt.Sprintf("ALTER TABLE %s.%s AUTO_INCREMENT = %d", db, t.name, highest)); err != nil {
			return err
		}
	}
	if r.next == 0 || r.next == highest {
		return nil
	}
	return s.redis.Set(context.Background(), r.key, fmt.Sprintf("%s:%d%s", r.generation, highest, r.series), 0).Err()
}

// next is the counter of a table in the database.
func (s *stage) next(table string) (uint64, error) {
	var name, ddl string
	if err := s.admin.QueryRow("SHOW CREATE TABLE "+table).Scan(&name, &ddl); err != nil {
		return 0, err
	}
	if m := counter.FindStringSubmatch(ddl); m != nil {
		return strconv.ParseUint(m[1], 10, 64)
	}
	return 1, nil
}

// redisCounter is a counter in Redis: "generation:next:increment:offset".
type redisCounter struct {
	key, generation string
	next            uint64 // 0 if there is none of the table's generation
	series          string // ":increment:offset"
}

// counterInRedis reads the counter of an absorbed table.
func (s *stage) counterInRedis(t *table) (c redisCounter, err error) {
	ctx := context.Background()
	table := s.proxied + "." + t.name
	found, err := s.redis.Keys(ctx, "sa:*:auto:"+table).Result()
	if err != nil || len(found) == 0 {
		return c, err
	}
	c.key = found[0]
	values, err := s.redis.MGet(ctx, c.key, strings.Replace(c.key, ":auto:", ":t:", 1)).Result()
	if err != nil {
		return c, err
	}
	text, _ := values[0].(string)
	state, _ := values[1].(string) // "incarnation:generation:gate"
	parts, of := strings.SplitN(text, ":", 3), strings.Split(state, ":")
	if len(parts) < 2 || len(of) < 3 || parts[0] != of[len(of)-2] {
		return c, nil
	}
	c.generation = parts[0]
	if len(parts) == 3 {
		c.series = ":" + parts[2]
	}
	c.next, err = strconv.ParseUint(parts[1], 10, 64)
	return c, err
}

// sameButID reports whether two answers are OK packets that differ in the
// AUTO_INCREMENT value alone. Of rows that bring their value along InnoDB moves
// the counter by the increment that the table's handle was last used with, by
// whichever session: behind the proxy, by the drainer.
func sameButID(a, b [][]byte) bool {
	last := len(a) - 1
	if last < 0 || len(b) != len(a) || a[last][4] != 0 || b[last][4] != 0 {
		return false
	}
	return slices.EqualFunc(a[:last], b[:last], bytes.Equal) && bytes.Equal(withoutID(a[last]), withoutID(b[last]))
}

// withoutID is an OK packet without its header and its insert id.
func withoutID(p []byte) []byte {
	at := 5 + rawclient.LengthEncoded(p[5])
	return append(bytes.Clone(p[4:at]), p[at+rawclient.LengthEncoded(p[at]):]...)
}
