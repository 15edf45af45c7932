package wal

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"pgregory.net/rapid"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// model is one table of a lane as the documents describe it, without Redis.
// It says what each call must answer; beside it stands what MySQL holds.
type model struct {
	e      *env
	seq    uint64
	lsn    row.LSN
	done   row.LSN // settled
	cache  map[string]Row
	dirty  map[string]row.LSN
	claims map[string]modelClaim
	leases map[string]string // "r:key" or "u:value" -> token
	log    []map[string]string
	truth  map[string]string // newest acknowledged image of each row
	mysql  map[string]string
	gate   GateState
	gen    uint64
	owners map[string]Joining // how each has joined

	rows      map[string]Row   // what the last Read of each key said
	free      map[string]Claim // what the last ReadClaims of each value said
	witnessed uint64           // generation of these
}

// modelClaim is a claim with the LSN that took it.
type modelClaim struct {
	owner string
	at    row.LSN
}

var (
	modelKeys   = rapid.SampledFrom([]string{"a", "b", "\x00c\xff"})
	modelValues = rapid.SampledFrom([]string{"x", "y"})
)

// admitted is the error of a read under the state the model's reader has.
func (m *model) admitted() error {
	switch {
	case m.e.st.Gen != m.gen:
		return ErrStaleTable
	case m.gate == GateShut:
		return ErrGated
	}
	return nil
}

// want compares errors.
func want(t *rapid.T, what string, got, want error) bool {
	if !errors.Is(got, want) || got != nil && want == nil {
		t.Fatalf("%s gave %v, want %v", what, got, want)
	}
	return want == nil
}

func (m *model) Read(t *rapid.T) {
	k := modelKeys.Draw(t, "key")
	rows, err := m.e.s.Read(m.e.ctx, main0, m.e.st, []RowKey{{table, row.Key(k)}}, true)
	if !want(t, "read", err, m.admitted()) {
		return
	}
	got, cached := rows[0], m.cache[k]
	if token := m.leases["r:"+k]; !cached.Found && token != "" && got.Lease != token {
		t.Fatalf("the lease of %q is %q, was %q", k, got.Lease, token)
	}
	if !cached.Found && got.Lease != "" {
		m.leases["r:"+k], cached.Lease, cached.Settled = got.Lease, got.Lease, m.done
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", cached) {
		t.Fatalf("row %q is %+v, want %+v", k, got, cached)
	}
	// Freshness: the cache, or else MySQL, has the newest acknowledged image.
	image, exists := string(got.Image), !got.Tombstone
	if !got.Found {
		image, exists = m.mysql[k], m.mysql[k] != ""
	}
	if newest := m.truth[k]; exists != (newest != "") || exists && image != newest {
		t.Fatalf("row %q reads as %q, the newest is %q", k, image, newest)
	}
	m.rows[k], m.witnessed = got, m.gen
}

func (m *model) ReadClaim(t *rapid.T) {
	v := modelValues.Draw(t, "value")
	claims, err := m.e.s.ReadClaims(m.e.ctx, main0, m.e.st, []ClaimKey{claimKey(v)})
	if !want(t, "read claim", err, m.admitted()) {
		return
	}
	held, ok := m.claims[v]
	if claims[0].Held != ok || ok && string(claims[0].Owner) != held.owner {
		t.Fatalf("value %q: %+v, want %+v", v, claims[0], held)
	}
	if claims[0].Settled != m.done {
		t.Fatalf("value %q: settled is %d, want %d", v, claims[0].Settled, m.done)
	}
	if !ok {
		if token := m.leases["u:"+v]; token != "" && token != claims[0].Lease {
			t.Fatalf("the lease of value %q is %q, was %q", v, claims[0].Lease, token)
		}
		m.leases["u:"+v] = claims[0].Lease
	}
	m.free[v] = claims[0]
}

func (m *model) Fill(t *rapid.T) {
	k := modelKeys.Draw(t, "key")
	seen, ok := m.rows[k]
	if !ok || seen.Lease == "" || m.mysql[k] == "" {
		t.Skip("nothing to fill")
	}
	expect := m.admitted()
	if expect == nil && !m.cache[k].Found && m.leases["r:"+k] != seen.Lease {
		expect = ErrConflict
	}
	got, err := m.e.fill(k, seen.Lease, m.mysql[k])
	if !want(t, "fill", err, expect) {
		return
	}
	if !m.cache[k].Found {
		m.cache[k] = Row{Found: true, Version: got.Version, Schema: 7, Image: []byte(m.mysql[k])}
		delete(m.leases, "r:"+k)
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", m.cache[k]) {
		t.Fatalf("fill of %q gave %+v, want %+v", k, got, m.cache[k])
	}
	m.rows[k] = got
}

func (m *model) Commit(t *rapid.T) {
	if rapid.Bool().Draw(t, "refresh") {
		m.Refresh(t)
	}
	m.seq++
	c := &Commit{Unit: &row.Unit{ID: row.UnitID{Writer: "w", Seq: m.seq}, Lane: main0},
		Gens: map[string]uint64{table: m.e.st.Gen}, MaxBacklog: 6}
	for _, k := range rapid.SliceOfNDistinct(modelKeys, 0, 2, rapid.ID[string]).Draw(t, "witnesses") {
		if r, ok := m.rows[k]; ok {
			c.seen(k, r)
		}
	}
	writes := map[string]string{}
	for _, k := range rapid.SliceOfNDistinct(modelKeys, 0, 2, rapid.ID[string]).Draw(t, "rows") {
		writes[k] = ""
		if rapid.IntRange(0, 3).Draw(t, "delete") > 0 {
			writes[k] = fmt.Sprint("image ", m.seq)
		}
		c.put(k, writes[k])
	}
	for _, v := range rapid.SliceOfNDistinct(modelValues, 0, 2, rapid.ID[string]).Draw(t, "values") {
		owner := modelKeys.Draw(t, "owner")
		switch rapid.IntRange(0, 3).Draw(t, "what") {
		case 0:
			c.claim(v, owner)
		case 1:
			c.release(v, owner)
		case 2:
			c.release(v, m.claims[v].owner).claim(v, owner)
		case 3:
			if f, ok := m.free[v]; ok && !f.Held {
				c.unclaimed(v, f).claim(v, owner)
			}
		}
	}
	expect := m.judge(c)
	lsn, err := m.e.s.Commit(m.e.ctx, c)
	if want(t, "commit", err, expect) {
		m.lsn++
		m.apply(c, writes)
		if lsn != m.lsn {
			t.Fatalf("LSN %d, want %d", lsn, m.lsn)
		}
	}
	if again, err2 := m.e.s.Commit(m.e.ctx, c); again != lsn || !errors.Is(err2, expect) {
		t.Fatalf("the repeat gave %d, %v; first %d, %v", again, err2, lsn, err)
	}
}

// judge says what the commit script must decide.
func (m *model) judge(c *Commit) error {
	switch {
	case m.lsn-m.done >= 6:
		return ErrFull
	case m.e.st.Gen != m.gen:
		return ErrStaleTable
	case m.gate != GateOpen:
		return ErrGated
	}
	for _, r := range c.Reads {
		k := string(r.Key)
		if r.Lease != "" && m.leases["r:"+k] != r.Lease || r.Lease == "" && m.cache[k].Version != r.Version {
			return ErrConflict
		}
	}
	for _, r := range c.ClaimReads {
		if m.leases["u:"+r.Value] != r.Lease {
			return ErrConflict
		}
	}
	for _, w := range c.Claims {
		held, ok := m.claims[w.Value]
		for _, r := range c.Releases {
			ok = ok && !(r.Value == w.Value && string(r.Owner) == held.owner)
		}
		if ok && held.owner != string(w.Owner) {
			return ErrConflict
		}
	}
	return nil
}

// apply does what an accepted commit does.
func (m *model) apply(c *Commit, writes map[string]string) {
	m.log = append(m.log, writes)
	for k, image := range writes {
		r := Row{Found: true, Dirty: true, Version: m.lsn, Schema: 7, Image: []byte(image)}
		if image == "" {
			r.Tombstone, r.Image = true, nil
		}
		m.cache[k], m.dirty[k], m.truth[k] = r, m.lsn, image
		delete(m.leases, "r:"+k)
	}
	for _, w := range c.Releases {
		if m.claims[w.Value].owner == string(w.Owner) {
			delete(m.claims, w.Value)
		}
	}
	for _, w := range c.Claims {
		m.claims[w.Value] = modelClaim{string(w.Owner), m.lsn}
		delete(m.leases, "u:"+w.Value)
	}
}

func (m *model) Settle(t *rapid.T) {
	upto := row.LSN(rapid.Uint64Range(uint64(m.done), uint64(m.lsn)).Draw(t, "upto"))
	touched := map[string]bool{}
	for _, writes := range m.log[m.done:upto] {
		for k, image := range writes {
			m.mysql[k], touched[k] = image, true
		}
	}
	var rows []SettleRow
	for k := range touched {
		ttl := rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "ttl")
		rows = append(rows, SettleRow{RowKey{table, row.Key(k)}, ttl})
		r := m.cache[k]
		if r.Dirty && r.Version > upto {
			continue
		}
		delete(m.dirty, k)
		if r.Dirty = false; ttl == 0 || r.Tombstone {
			delete(m.cache, k)
			delete(m.leases, "r:"+k)
		} else if r.Found {
			m.cache[k] = r
		}
	}
	var claims []ClaimKey
	for _, v := range []string{"x", "y"} {
		claims = append(claims, claimKey(v))
		if m.claims[v].at <= upto {
			delete(m.claims, v)
		}
	}
	want(t, "settle", m.e.s.Settle(m.e.ctx, main0, 1, upto, rows, claims...), nil)
	m.done = max(m.done, upto)
}

func (m *model) Expire(*rapid.T) {
	m.e.b.mini.FastForward(time.Hour)
	for k, r := range m.cache {
		if !r.Dirty {
			delete(m.cache, k)
		}
	}
	clear(m.leases)
}

func (m *model) Drop(t *rapid.T) {
	k := modelKeys.Draw(t, "key")
	want(t, "drop", m.e.s.Drop(m.e.ctx, main0, []RowKey{{table, row.Key(k)}}), nil)
	if !m.cache[k].Dirty {
		delete(m.cache, k)
		delete(m.leases, "r:"+k)
	}
}

func (m *model) Refresh(*rapid.T) {
	m.e.st = m.e.info(m.e.s).TableState
	if m.witnessed != m.gen {
		clear(m.rows)
		clear(m.free)
	}
}

// CommitAgain makes commits more frequent than anything else.
func (m *model) CommitAgain(t *rapid.T) { m.Commit(t) }

// ReadAgain makes reads frequent.
func (m *model) ReadAgain(t *rapid.T) { m.Read(t) }

// Check compares what can be seen at any time.
func (m *model) Check(t *rapid.T) {
	i := m.e.info(m.e.s)
	var last row.LSN
	for _, n := range m.dirty {
		last = max(last, n)
	}
	if i.Gate != m.gate || i.Gen != m.gen || i.Dirty != int64(len(m.dirty)) || i.LastDirty != last {
		t.Fatalf("table is %+v, want gate %c, generation %d, %d dirty up to %d", i, m.gate, m.gen, len(m.dirty), last)
	}
	if p := m.e.progress(); p.LSN != m.lsn || p.Settled != m.done || p.Pending != int64(m.lsn-m.done) {
		t.Fatalf("lane is %+v, want %d settled of %d", p, m.done, m.lsn)
	}
	recs, err := m.e.s.Tail(m.e.ctx, main0, m.done, 1000, 0)
	if err != nil || len(recs) != int(m.lsn-m.done) {
		t.Fatalf("the WAL holds %d units after %d, %v", len(recs), m.done, err)
	}
}

func TestModel(t *testing.T) {
	mini := miniredis.RunT(t)
	b := &backend{name: "miniredis", addr: mini.Addr(), mini: mini}
	e := newEnv(t, b)
	e.ctx = t.Context()
	rapid.Check(t, func(t *rapid.T) {
		if err := e.rdb.FlushAll(e.ctx).Err(); err != nil {
			t.Fatal(err)
		}
		e.s.lanes.Clear()
		e.st = e.open(e.s)
		m := &model{e: e, cache: map[string]Row{}, dirty: map[string]row.LSN{}, claims: map[string]modelClaim{},
			leases: map[string]string{}, truth: map[string]string{}, mysql: map[string]string{}, gate: GateOpen, gen: 1,
			owners: map[string]Joining{}, rows: map[string]Row{}, free: map[string]Claim{}, witnessed: 1}
		t.Repeat(rapid.StateMachineActions(m))
	})
}
