package absorber

import "github.com/prometheus/client_golang/prometheus"

// WorkerMetrics are the drain workers' metrics, shared by those of a process.
type WorkerMetrics struct {
	owned       *prometheus.GaugeVec     // lane
	checkpoint  *prometheus.GaugeVec     // lane
	relayed     *prometheus.CounterVec   // lane
	units       *prometheus.CounterVec   // lane
	mutations   *prometheus.CounterVec   // lane
	rows        *prometheus.CounterVec   // table, verb
	batches     *prometheus.CounterVec   // lane, reason: normal, flush, replay
	seconds     *prometheus.HistogramVec // lane
	throttled   *prometheus.CounterVec   // lane
	retries     *prometheus.CounterVec   // lane, reason: the work that failed
	deadLetters *prometheus.CounterVec   // table, reason: refused, parked
	parked      *prometheus.GaugeVec     // lane
	lost        *prometheus.GaugeVec     // lane
	skipped     *prometheus.GaugeVec     // lane
	requests    *prometheus.CounterVec   // verb, reason: applied, discarded, edited, failed
}

// NewWorkerMetrics makes the metrics and registers them, unless reg is nil.
func NewWorkerMetrics(reg prometheus.Registerer) *WorkerMetrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "shockabsorber_" + name, Help: help}, labels)
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "shockabsorber_" + name, Help: help}, []string{"lane"})
	}
	m := &WorkerMetrics{
		owned:       gauge("lane_owned", "1 if this process drains the lane."),
		checkpoint:  gauge("lane_checkpoint_lsn", "LSN up to which MySQL has the lane, as its owner knows it."),
		relayed:     counter("relayed_units_total", "Units carried from the WAL to the queue, repeats included.", "lane"),
		units:       counter("drained_units_total", "Units in MySQL or in the dead letters.", "lane"),
		mutations:   counter("drained_mutations_total", "Row changes before coalescing.", "lane"),
		rows:        counter("drained_rows_total", "Row changes sent to MySQL and committed.", "table", "verb"),
		batches:     counter("drained_batches_total", "MySQL transactions of the drainer, by why they ran.", "lane", "reason"),
		throttled:   counter("drain_throttled_seconds_total", "Time the drainer waited for drain_rate or barrier_rate.", "lane"),
		retries:     counter("drain_retries_total", "Passing errors, by the work that met them.", "lane", "reason"),
		deadLetters: counter("dead_letters_total", "Units written to the dead letters.", "table", "reason"),
		requests:    counter("dead_letter_requests_total", "Requests of operators about dead letters, by what came of them.", "verb", "reason"),
		lost:        gauge("lost_units", "Acknowledged units that were lost with Redis when the lane was last rebuilt, at most."),
		skipped:     gauge("skipped_units", "Acknowledged units that were missing and that operators have given up, since the lane exists."),
		parked:      gauge("parked_rows", "Rows whose later units go to the dead letters."),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "shockabsorber_drain_batch_seconds",
			Help: "Time MySQL took for a batch.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}, []string{"lane"}),
	}
	if reg != nil {
		reg.MustRegister(m.owned, m.checkpoint, m.relayed, m.units, m.mutations, m.rows, m.batches,
			m.seconds, m.throttled, m.retries, m.deadLetters, m.parked, m.requests, m.lost, m.skipped)
	}
	return m
}

// drained counts a batch that is in MySQL.
func (m *WorkerMetrics) drained(lane, reason string, b *batch) {
	m.units.WithLabelValues(lane).Add(float64(len(b.units)))
	m.mutations.WithLabelValues(lane).Add(float64(b.count))
	m.batches.WithLabelValues(lane, reason).Inc()
	m.checkpoint.WithLabelValues(lane).Set(float64(b.to()))
	if b.parked() {
		return
	}
	for _, s := range b.slots {
		if !s.gone {
			m.rows.WithLabelValues(s.change.Mutation.Table, s.change.Mutation.Op.String()).Inc()
		}
	}
}
