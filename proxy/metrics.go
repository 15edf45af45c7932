package proxy

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// metrics counts what the proxy does with the protocol.
type metrics struct {
	connections prometheus.Gauge
	accepted    prometheus.Counter
	refusals    *prometheus.CounterVec
	dials       *prometheus.CounterVec
	commands    [256]prometheus.Counter
}

// newMetrics makes the metrics and registers them if reg is not nil.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	name := func(s string) string { return "shock_absorber_proxy_" + s }
	commands := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name("commands_total"), Help: "Commands received, by verb."}, []string{"verb"})
	m := &metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: name("connections"), Help: "Clients connected now."}),
		accepted:    prometheus.NewCounter(prometheus.CounterOpts{Name: name("accepted_total"), Help: "Clients that connected."}),
		refusals:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: name("refused_total"), Help: "Clients turned away, by reason."}, []string{"reason"}),
		dials:       prometheus.NewCounterVec(prometheus.CounterOpts{Name: name("backend_dials_total"), Help: "Connections opened to the backend, by reason: ok, refused, unreachable."}, []string{"reason"}),
	}
	for cmd := range m.commands {
		m.commands[cmd] = commands.WithLabelValues(wire.CommandName(byte(cmd)))
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.connections, m.accepted, m.refusals, m.dials, commands} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("proxy: register metrics: %w", err)
		}
	}
	return m, nil
}

// refused counts a client turned away.
func (m *metrics) refused(reason string) { m.refusals.WithLabelValues(reason).Inc() }
