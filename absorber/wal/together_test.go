package wal

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// part is one unit of a random history, without the tokens of a lane.
type part struct {
	Writer   string
	Old      bool // repeats the writer's last unit
	Reads    []string
	Free     []string
	Puts     map[string]string
	Claims   map[string]string
	Releases map[string]string
	Max      int64
}

// parts generates histories in which units get in each other's way.
func parts() *rapid.Generator[[]part] {
	keys, values := rapid.SampledFrom([]string{"a", "b", "c"}), rapid.SampledFrom([]string{"x", "y"})
	one := rapid.Custom(func(t *rapid.T) part {
		return part{
			Writer: rapid.SampledFrom([]string{"w1", "w2"}).Draw(t, "writer"),
			Old:    rapid.IntRange(0, 5).Draw(t, "old") == 0,
			Reads:  rapid.SliceOfNDistinct(keys, 0, 1, rapid.ID[string]).Draw(t, "reads"),
			Free:   rapid.SliceOfNDistinct(values, 0, 1, rapid.ID[string]).Draw(t, "free"),
			Puts:   rapid.MapOfN(keys, rapid.SampledFrom([]string{"", "v", "w"}), 0, 2).Draw(t, "puts"),
			Claims: rapid.MapOfN(values, keys, 0, 1).Draw(t, "claims"), Releases: rapid.MapOfN(values, keys, 0, 1).Draw(t, "releases"),
			Max: rapid.SampledFrom([]int64{0, 0, 5}).Draw(t, "max"),
		}
	})
	return rapid.SliceOfN(one, 1, 8)
}

// history makes the commits of one lane: leases are taken and rows read before
// the first of them.
func (e *env) history(lane row.Lane, all []part) []*Commit {
	e.Helper()
	rows, free := map[string]Row{}, map[string]Claim{}
	for _, k := range []string{"a", "b", "c"} {
		r, err := e.s.Read(e.ctx, lane, e.st, []RowKey{{table, row.Key(k)}}, true)
		if err != nil {
			e.Fatal(err)
		}
		rows[k] = r[0]
	}
	for _, v := range []string{"x", "y"} {
		c, err := e.s.ReadClaims(e.ctx, lane, e.st, []ClaimKey{claimKey(v)})
		if err != nil {
			e.Fatal(err)
		}
		free[v] = c[0]
	}
	seq := map[string]uint64{"w1": 1, "w2": 1}
	var list []*Commit
	for _, p := range all {
		if !p.Old {
			seq[p.Writer]++
		}
		c := &Commit{Unit: &row.Unit{ID: row.UnitID{Writer: p.Writer, Seq: seq[p.Writer]}, Lane: lane},
			Gens: map[string]uint64{table: e.st.Gen}, MaxBacklog: p.Max}
		for _, k := range p.Reads {
			c.seen(k, rows[k])
		}
		for _, v := range p.Free {
			c.unclaimed(v, free[v])
		}
		for k, image := range p.Puts {
			c.put(k, image)
		}
		for v, owner := range p.Claims {
			c.claim(v, owner)
		}
		for v, owner := range p.Releases {
			c.release(v, owner)
		}
		list = append(list, c)
	}
	return list
}

// picture is all that can be seen of a lane.
func (e *env) picture(lane row.Lane) string {
	e.Helper()
	var s string
	for _, k := range []string{"a", "b", "c"} {
		r, err := e.s.Read(e.ctx, lane, e.st, []RowKey{{table, row.Key(k)}}, false)
		s += fmt.Sprintf("%s %+v %v\n", k, r, err)
	}
	c, err := e.s.ReadClaims(e.ctx, lane, e.st, []ClaimKey{claimKey("x"), claimKey("y")})
	for i := range c {
		s += fmt.Sprintf("%v %q %v\n", c[i].Held, c[i].Owner, err)
	}
	i, err := e.s.TableStates(e.ctx, lane, []string{table})
	s += fmt.Sprintf("%d up to %d, %v\n", i[0].Dirty, i[0].LastDirty, err)
	recs, err := e.s.Tail(e.ctx, lane, 0, 100, 0)
	for _, r := range recs {
		u, derr := Decode(r.Data)
		s += fmt.Sprintf("%d %v %v\n", r.LSN, u.ID, derr)
	}
	p, perr := e.s.Progress(e.ctx, lane)
	return s + fmt.Sprintf("%v %d %d %v", err, p.LSN, p.Pending, perr)
}

// Units that share a call of the script are decided as if each had come by
// itself: the same answers, the same rows, claims and log.
func TestUnitsTogether(t *testing.T) {
	backends(t, func(t *testing.T, b *backend) {
		e := newEnv(t, b)
		e.ctx = t.Context()
		run := 0
		rapid.Check(t, func(t *rapid.T) {
			run++
			before, all := parts().Draw(t, "before"), parts().Draw(t, "together")
			var answers, pictures [2]string
			for i, name := range []string{"alone", "together"} {
				lane := row.Lane(fmt.Sprint(name, run))
				if _, err := e.s.Open(e.ctx, lane); err != nil {
					t.Fatal(err)
				}
				infos, err := e.s.TableStates(e.ctx, lane, []string{table})
				if err != nil {
					t.Fatal(err)
				}
				e.st = infos[0].TableState
				for j, c := range e.history(lane, before) {
					c.Unit.ID.Writer = fmt.Sprint("before", j)
					lsn, err := e.s.Commit(e.ctx, c)
					answers[i] += fmt.Sprintln(lsn, err)
				}
				commits := e.history(lane, all)
				for _, a := range e.answers(lane, commits, i == 1) {
					answers[i] += fmt.Sprintln(a)
				}
				pictures[i] = e.picture(lane)
			}
			if answers[0] != answers[1] || pictures[0] != pictures[1] {
				t.Fatalf("alone:\n%s%s\ntogether:\n%s%s", answers[0], pictures[0], answers[1], pictures[1])
			}
		})
	})
}

// answers sends the commits one by one or in one call.
func (e *env) answers(lane row.Lane, commits []*Commit, together bool) []any {
	e.Helper()
	l, inc, err := e.s.known("test", lane)
	if err != nil {
		e.Fatal(err)
	}
	record, err := e.s.writerRecord(e.ctx, l)
	if err != nil {
		e.Fatal(err)
	}
	var calls []*call
	for _, c := range commits {
		u, err := newCommitUnit(l, inc, record, c)
		if err != nil {
			e.Fatal(err)
		}
		cc := &call{lane: l, unit: u}
		calls = append(calls, cc)
		if !together {
			e.s.sendUnits([]*call{cc}, 1, true, nil)
		}
	}
	if together {
		e.s.sendUnits(calls, len(calls), true, nil)
	}
	var answers []any
	for _, c := range calls {
		if c.err != nil {
			e.Fatal(c.err)
		}
		answers = append(answers, c.reply)
	}
	return answers
}

// Units share a call only as far as Redis takes its arguments, and one that is
// too large by itself is refused before it is sent.
func TestLargeUnits(t *testing.T) {
	unit := func(rows int) *Commit {
		c := &Commit{Unit: &row.Unit{ID: row.UnitID{Writer: "w", Seq: 1}, Lane: main0}, Gens: map[string]uint64{table: 1}}
		for i := range rows {
			c.Writes = append(c.Writes, RowWrite{RowKey: RowKey{table, row.Key(fmt.Sprint(i))}, Image: []byte("v")})
		}
		return c
	}
	l := &lane{name: main0, keys: newLaneKeys("sa", main0)}
	var calls []*call
	for range 16 {
		u, err := newCommitUnit(l, "inc", "record", unit(30000))
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, &call{lane: l, unit: u})
	}
	for _, g := range groups(calls, unitsPerCall) {
		if n := len(g.command(t.Context(), &script{sha: "sha"}).Args()); n > 1<<20 || len(g.calls) > 4 {
			t.Errorf("%d units make a command of %d arguments", len(g.calls), n)
		}
	}
	if _, err := newCommitUnit(l, "inc", "record", unit(400000)); err == nil {
		t.Error("a unit that Redis cannot take was not refused")
	}
}
