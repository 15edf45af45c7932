package absorber

import "github.com/prometheus/client_golang/prometheus"

// engineMetrics are the counters of the sessions' side of the absorber.
type engineMetrics struct {
	retries  *prometheus.CounterVec // by cause: conflict, gate, full
	lookups  *prometheus.CounterVec // by table, and hit or miss
	barriers prometheus.Counter
}

// newEngineMetrics makes the counters, registered if reg is not nil.
func newEngineMetrics(reg prometheus.Registerer) *engineMetrics {
	m := &engineMetrics{
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "shockabsorber_commit_retries_total",
			Help: "Absorbed statements that were evaluated again, by cause."}, []string{"reason"}),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "shockabsorber_row_lookups_total",
			Help: "Rows looked up by primary key, by whether the cache had them."}, []string{"table", "verb"}),
		barriers: prometheus.NewCounter(prometheus.CounterOpts{Name: "shockabsorber_barrier_waits_total",
			Help: "Statements that waited until MySQL had what was pending."}),
	}
	if reg != nil {
		reg.MustRegister(m.retries, m.lookups, m.barriers)
	}
	return m
}
