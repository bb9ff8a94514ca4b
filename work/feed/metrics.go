package feed

import "github.com/prometheus/client_golang/prometheus"

// metrics counts what a feed does; see newMetrics for the names.
type metrics struct {
	units    prometheus.Counter
	chunks   *prometheus.CounterVec
	troubles prometheus.Counter

	registerer prometheus.Registerer
	registered []prometheus.Collector
}

func newMetrics(project string) *metrics {
	of := prometheus.Labels{"project": project}
	return &metrics{
		units: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "batchain_feed_units_total", ConstLabels: of,
			Help: "Units of the store that were new to the hive.",
		}),
		chunks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "batchain_feed_datachunks_total", ConstLabels: of,
			Help: "Datachunks that were put into the store, by how the unit ended: valid, failed, cancelled.",
		}, []string{"state"}),
		troubles: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "batchain_feed_troubles_total", ConstLabels: of,
			Help: "Steps that store or hive refused and that were tried again.",
		}),
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	m.registerer = r
	for _, c := range []prometheus.Collector{m.units, m.chunks, m.troubles} {
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
