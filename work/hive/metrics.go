package hive

import "github.com/prometheus/client_golang/prometheus"

// metrics counts what a hive does; see newMetrics for the names.
type metrics struct {
	units   *prometheus.CounterVec
	tasks   prometheus.Counter
	caught  prometheus.Counter
	commits prometheus.Histogram

	registerer prometheus.Registerer
	registered []prometheus.Collector
}

func newMetrics() *metrics {
	return &metrics{
		units: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "batchain_work_units_total",
			Help: "Units that ended, by how: valid, failed, cancelled.",
		}, []string{"state"}),
		tasks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "batchain_work_tasks_total",
			Help: "Tasks given to bees, spot checks included.",
		}),
		caught: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "batchain_work_caught_total",
			Help: "Results that were found wrong.",
		}),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "batchain_work_commit_seconds",
			Help:    "Time that a transaction took until it was on the disk.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .5, 2},
		}),
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	m.registerer = r
	for _, c := range []prometheus.Collector{m.units, m.tasks, m.caught, m.commits} {
		if err := r.Register(c); err != nil {
			m.unregister()
			return err
		}
		m.registered = append(m.registered, c)
	}
	return nil
}

func (m *metrics) unregister() {
	for _, c := range m.registered {
		m.registerer.Unregister(c)
	}
	m.registered = nil
}
