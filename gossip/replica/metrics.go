package replica

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what happens to updates, under the name of the document.
type metrics struct {
	events     *prometheus.CounterVec
	registered []prometheus.Collector
}

func newMetrics(doc string) *metrics {
	return &metrics{events: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name:        "batchain_replica_updates_total",
		Help:        "Updates, by what happened to them: applied, superseded, stale, unverified, refused, omitted, forked.",
		ConstLabels: prometheus.Labels{"doc": doc},
	}, []string{"event"})}
}

func (m *metrics) register(reg prometheus.Registerer, r *Replica) error {
	if reg == nil {
		return nil
	}
	gauge := func(name, help string, of func(Counts) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "batchain_replica_" + name, Help: help, ConstLabels: prometheus.Labels{"doc": r.cfg.Doc},
		}, func() float64 { return float64(of(r.Counts())) })
	}
	for _, c := range []prometheus.Collector{
		m.events,
		gauge("sources", "Sources whose updates are known.", func(c Counts) int { return c.Sources }),
		gauge("kept_updates", "Updates that are kept.", func(c Counts) int { return c.Updates }),
		gauge("kept_bytes", "Bytes of the updates that are kept.", func(c Counts) int { return c.Bytes }),
		gauge("streams", "Streams that are replicated over.", func(c Counts) int { return c.Streams }),
	} {
		if err := reg.Register(c); err != nil {
			m.unregister(reg)
			return err
		}
		m.registered = append(m.registered, c)
	}
	return nil
}

func (m *metrics) unregister(reg prometheus.Registerer) {
	for _, c := range m.registered {
		reg.Unregister(c)
	}
}
