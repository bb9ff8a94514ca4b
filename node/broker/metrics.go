package broker

import "github.com/prometheus/client_golang/prometheus"

// metrics counts what a broker does; see newMetrics for the names.
type metrics struct {
	reached       *prometheus.CounterVec
	took          prometheus.Histogram
	introductions *prometheus.CounterVec
	pruned, dead  prometheus.Counter
}

func newMetrics() *metrics {
	vec := func(name, label, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "batchain_broker_" + name, Help: help}, []string{label})
	}
	return &metrics{
		reached: vec("reached_total", "how", "Attempts to reach a peer, by how it is reached then."),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "batchain_broker_reach_seconds", Help: "How long attempts to reach a peer took.",
			Buckets: []float64{.01, .03, .1, .3, 1, 3, 10},
		}),
		introductions: vec("introductions_total", "outcome", "Introductions that others asked for: done, not_found, busy, target."),
		dead:          prometheus.NewCounter(prometheus.CounterOpts{Name: "batchain_broker_dead_total", Help: "Connections closed because the other end was silent."}),
		pruned:        prometheus.NewCounter(prometheus.CounterOpts{Name: "batchain_broker_pruned_total", Help: "Connections closed because there was a better one."}),
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{m.reached, m.took, m.introductions, m.pruned, m.dead} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}
