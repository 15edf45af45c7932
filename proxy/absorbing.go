package proxy

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rzpsarthak13/shock-absorber/absorber"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
	"github.com/rzpsarthak13/shock-absorber/sqlrewrite"
)

// planCache is the number of statement shapes whose plans are kept.
const planCache = 10000

// Absorbing makes the routers of sessions that absorb. One stands for the
// whole server; what it holds is shared by all sessions.
type Absorbing struct {
	engine     *absorber.Engine
	planner    *sqlrewrite.Planner
	defaults   *serverDefaults
	admissions *admissions
	sets       setAnswers
	log        *slog.Logger
	process    string
	statements *prometheus.CounterVec

	transactions *prometheus.CounterVec
	admin        Administration // nil: none
	shadows      *shadows       // nil: what is not computed here is forwarded
}

// NewAbsorbing makes it. process is the id the engine runs under.
func NewAbsorbing(engine *absorber.Engine, process string, log *slog.Logger, reg prometheus.Registerer) *Absorbing {
	a := &Absorbing{
		engine:   engine,
		planner:  sqlrewrite.NewPlanner(planCache),
		defaults: &serverDefaults{query: engine.Query, lacks: engine.Lacks, honours: engine.HonoursLogin},
		log:      log.With("component", "TABLE"),
		process:  process,
		statements: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "shockabsorber_statements_total",
			Help: "Statements that name an absorbed table, by what was done (verb) and why they were not absorbed (reason)."}, []string{"verb", "reason"}),
	}
	a.transactions = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "shockabsorber_transactions_total",
		Help: "Transactions that began in the proxy, by how they went on (verb: commit, empty, rollback, abort, spill) and why (reason)."}, []string{"verb", "reason"})
	a.defaults.dialect = func() schema.Dialect { return engine.Catalog().Dialect() }
	a.admissions = newAdmissions()
	if reg != nil {
		reg.MustRegister(a.statements, a.transactions)
	}
	return a
}

// Statements is the counter of statements by verb and reason.
func (a *Absorbing) Statements() *prometheus.CounterVec { return a.statements }

// Transactions is the counter of transactions by how they went on and why.
func (a *Absorbing) Transactions() *prometheus.CounterVec { return a.transactions }

// Administer makes the virtual schema available. Call it before the first
// session.
func (a *Absorbing) Administer(adm Administration) { a.admin = adm }

// ComputeOn lets MySQL compute what is not computed here, on shadows of the
// tables. Call it before the first session; Close ends its connections.
func (a *Absorbing) ComputeOn(cfg ShadowConfig) { a.shadows = newShadows(cfg) }

// Close ends the connections that are not a session's.
func (a *Absorbing) Close() {
	a.admissions.close()
	if a.shadows != nil {
		a.shadows.close()
	}
}

// NewRouter makes a session's router: Config.NewRouter.
func (a *Absorbing) NewRouter(c *Conn) Router {
	return &session{shared: a, conn: c, usage: a.engine.NewUsage(), fresh: true}
}

// holdName is a name for a session's gates, unique among all processes.
func (a *Absorbing) holdName() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return a.process + "." + hex.EncodeToString(b[:])
}

// count adds a statement to the statistics.
func (a *Absorbing) count(verb sqlrewrite.Verb, reason string) {
	a.statements.WithLabelValues(verb.String(), reason).Inc()
}

// background is the context of what must be finished though the client is gone.
func background(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }
