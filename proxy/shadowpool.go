package proxy

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// ShadowConfig says where shadows are made and as whom.
type ShadowConfig struct {
	Backend BackendConfig
	// User and Password are the proxy's own account: whether the client may run
	// the statement has been asked before. It needs CREATE TEMPORARY TABLES and
	// SELECT on the databases of absorbed tables, and where a MariaDB writes a
	// binary log in a format other than ROW, BINLOG ADMIN.
	User, Password string
	// Connections is how many connections there may be; 8.
	Connections int
	// Logger is told of rights that are missing and of tables that cannot be
	// shadowed; slog.Default.
	Logger *slog.Logger
}

const (
	shadowConnections = 8
	// shadowAge is how long a connection is used, so that changed global
	// variables reach the shadow as they reach new sessions.
	shadowAge = 10 * time.Minute
	// shadowRefusalTTL is how long a missing right or a table that cannot be
	// shadowed is believed in.
	shadowRefusalTTL = 30 * time.Second
)

// shadows are the connections on which statements run against temporary
// tables, shared by all sessions.
type shadows struct {
	cfg   ShadowConfig
	slots chan struct{} // one entry for each run

	mu          sync.Mutex
	idle        []*shadowConn // the most recently used last
	closed      bool
	definitions map[schema.Name]shadowDefinition
	refusals    map[*schema.Table]shadowRefusal
}

// shadowDefinition is the text that makes the temporary table, of one version
// of the table. A *schema.Table is of one load of the catalog, which follows
// every DDL statement, so a CHECK that changed is noticed although
// Table.Version does not tell it.
type shadowDefinition struct {
	table *schema.Table
	sql   string
}

// shadowRefusal is a *shadowRefused that holds for a while.
type shadowRefusal struct {
	at  time.Time
	err error
}

// errShadowsClosed is for runs after close.
var errShadowsClosed = errors.New("the proxy shuts down")

// newShadows makes the pool. It connects when there is something to run.
func newShadows(cfg ShadowConfig) *shadows {
	setDefault(&cfg.Connections, shadowConnections)
	setDefault(&cfg.Backend.Network, "tcp")
	setDefault(&cfg.Backend.DialTimeout, 10*time.Second)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &shadows{cfg: cfg, slots: make(chan struct{}, cfg.Connections),
		definitions: map[schema.Name]shadowDefinition{}, refusals: map[*schema.Table]shadowRefusal{}}
}

// close ends the connections: idle ones now, the others when their run ends.
func (s *shadows) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.idle {
		c.be.close()
	}
	s.idle = nil
}

// enter waits for its turn; leave ends it.
func (s *shadows) enter(ctx context.Context) error {
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
	}
	return ended(ctx)
}

// leave ends a turn.
func (s *shadows) leave() { <-s.slots }

// take gives an idle connection for a job, preferably one that has the table
// already; nil if a new one has to be made, for which it then makes room.
func (s *shadows) take(job *shadowJob) *shadowConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.idle = slices.DeleteFunc(s.idle, func(c *shadowConn) bool {
		old := now.Sub(c.born) > shadowAge || c.be.gone()
		if old {
			c.be.close()
		}
		return old
	})
	best := -1
	for i, c := range s.idle {
		if c.caps == job.session.caps&shadowCaps && (best < 0 || c.has(job.table) || !s.idle[best].has(job.table)) {
			best = i
		}
	}
	if best >= 0 {
		c := s.idle[best]
		s.idle = slices.Delete(s.idle, best, best+1)
		return c
	}
	if len(s.idle)+len(s.slots) > s.cfg.Connections { // the caller is one of slots
		s.idle[0].be.close()
		s.idle = slices.Delete(s.idle, 0, 1)
	}
	return nil
}

// put keeps a connection for the next job.
func (s *shadows) put(c *shadowConn) {
	c.be.r.Release()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.be.close()
		return
	}
	s.idle = append(s.idle, c)
}

// knownRefusal is what an earlier run found out about the table.
func (s *shadows) knownRefusal(t *schema.Table) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return &shadowRefused{reason: reasonShadowBusy, err: errShadowsClosed}
	}
	known, ok := s.refusals[t]
	switch {
	case !ok:
		return nil
	case time.Since(known.at) < shadowRefusalTTL:
		return known.err
	}
	delete(s.refusals, t)
	return nil
}

// remember keeps a refusal that the next statement on the table would meet
// too, and tells the operator.
func (s *shadows) remember(t *schema.Table, err error) {
	var refused *shadowRefused
	if !errors.As(err, &refused) || refused.reason != reasonShadowRights && refused.reason != reasonShadowDefinition {
		return
	}
	s.cfg.Logger.Warn("statements on a table pass through that could be absorbed", "component", "TABLE", "table", t.Name.String(), "reason", refused.reason, "error", err)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for other, r := range s.refusals {
		if now.Sub(r.at) >= shadowRefusalTTL {
			delete(s.refusals, other)
		}
	}
	s.refusals[t] = shadowRefusal{at: now, err: err}
	delete(s.definitions, t.Name)
}

// definition gives the text that makes the temporary table, "" if it is not
// known yet.
func (s *shadows) definition(t *schema.Table) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.definitions[t.Name]; d.table == t {
		return d.sql
	}
	return ""
}

// define keeps a definition.
func (s *shadows) define(t *schema.Table, sql string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.definitions[t.Name] = shadowDefinition{table: t, sql: sql}
}
