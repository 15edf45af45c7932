package daemon

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Options are what the caller of Run or Drain adds to the configuration.
type Options struct {
	Logger *slog.Logger // nil = nothing is logged
	// Ready, if set, is called once, when everything listens, with the
	// addresses in use: a configured port 0 has become a real one.
	Ready func(Addresses)
	// Metrics is where everything is counted; nil = a registry of its own, which
	// tells of the process and of Go's runtime as well.
	Metrics *prometheus.Registry
}

// Addresses are where a running daemon listens; "" = it does not.
type Addresses struct{ Proxy, Socket, Admin string }

// logger is the Logger, or one that discards.
func (o *Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Logger
}

// metrics is where to count.
func (o *Options) metrics() *prometheus.Registry {
	if o.Metrics != nil {
		return o.Metrics
	}
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}
