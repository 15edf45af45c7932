package absorber

import "github.com/prometheus/client_golang/prometheus"

// engineMetrics are the counters of the sessions' side of the absorber.
type engineMetrics struct {
	retries  *prometheus.CounterVec // by cause: conflict, gate, full
	lookups  *prometheus.CounterVec // by table, and hit or miss
	barriers prometheus.Counter

	unconfirmed  prometheus.Counter   // writes that Kafka has not confirmed in time
	backlogBytes *prometheus.GaugeVec // lane
	backlogAge   *prometheus.GaugeVec // lane
	memory       *prometheus.GaugeVec // lane
}

// newEngineMetrics makes the counters, registered if reg is not nil.
func newEngineMetrics(reg prometheus.Registerer) *engineMetrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "shockabsorber_" + name, Help: help}, []string{"lane"})
	}
	m := &engineMetrics{
		unconfirmed: prometheus.NewCounter(prometheus.CounterOpts{Name: "shockabsorber_unconfirmed_writes_total",
			Help: "Writes whose clients were told that Kafka does not have them yet."}),
		backlogBytes: gauge("backlog_bytes", "Redis memory that the log of the lane takes, if a limit is set."),
		backlogAge:   gauge("backlog_age_seconds", "Age of the oldest unit that waits for MySQL, if a limit is set."),
		memory:       gauge("redis_memory_ratio", "Used part of Redis' maxmemory, if a limit is set."),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "shockabsorber_commit_retries_total",
			Help: "Absorbed statements that were evaluated again, by cause."}, []string{"reason"}),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "shockabsorber_row_lookups_total",
			Help: "Rows looked up by primary key, by whether the cache had them."}, []string{"table", "verb"}),
		barriers: prometheus.NewCounter(prometheus.CounterOpts{Name: "shockabsorber_barrier_waits_total",
			Help: "Statements that waited until MySQL had what was pending."}),
	}
	if reg != nil {
		reg.MustRegister(m.retries, m.lookups, m.barriers, m.unconfirmed, m.backlogBytes, m.backlogAge, m.memory)
	}
	return m
}
