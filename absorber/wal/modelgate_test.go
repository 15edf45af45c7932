package wal

import (
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"
)

// The model's gate: who keeps it, and what that lets others do.

func (m *model) Join(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "rarely") > 0 { // or the gate would be closed most of the time
		return
	}
	o := rapid.SampledFrom([]string{"o1", "o2"}).Draw(t, "owner")
	how := rapid.SampledFrom([]Joining{JoinHolding, JoinLate}).Draw(t, "how")
	_, err := m.e.s.JoinGate(m.e.ctx, main0, table, o, 1, time.Hour, how)
	var expect error
	switch _, again := m.owners[o]; {
	case how != JoinLate || again:
	case m.gate == GateOpen:
		expect = ErrConflict
	case m.gate == GateClosing || !slices.Contains(slices.Collect(maps.Values(m.owners)), JoinHolding):
		expect = ErrGated
	}
	if !want(t, "join", err, expect) {
		return
	}
	if _, again := m.owners[o]; !again {
		m.owners[o] = how
	}
	if m.gate == GateOpen {
		m.gate = GateClosing
	}
}

func (m *model) Shut(t *rapid.T) {
	if m.gate == GateOpen {
		t.Skip("open")
	}
	var expect error
	if m.gate == GateClosing && len(m.dirty) > 0 {
		expect = ErrConflict
	}
	if !want(t, "shut", m.e.s.ShutGate(m.e.ctx, main0, table, Counter{}), expect) {
		return
	}
	m.gate = GateShut
	k := modelKeys.Draw(t, "key") // the section writes to MySQL
	m.mysql[k] = "synchronous"
	m.truth[k] = "synchronous"
}

func (m *model) Leave(t *rapid.T) {
	o := rapid.SampledFrom([]string{"o1", "o2"}).Draw(t, "owner")
	want(t, "leave", m.e.s.LeaveGate(m.e.ctx, main0, table, o), nil)
	_, was := m.owners[o]
	if delete(m.owners, o); !was || len(m.owners) > 0 {
		return
	}
	if m.gate == GateShut {
		m.gen++
		clear(m.cache)
		clear(m.claims)
		clear(m.leases)
	}
	m.gate = GateOpen
}
