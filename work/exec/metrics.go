package exec

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what a pool does; see newMetrics for the names.
type metrics struct {
	units  *prometheus.CounterVec
	fuel   prometheus.Counter
	starts prometheus.Counter
	loads  prometheus.Counter

	from       prometheus.Registerer // nil: not registered
	registered []prometheus.Collector
}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "batchain_exec_" + name, Help: help})
	}
	return &metrics{
		units: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "batchain_exec_units_total",
			Help: "Units that were run, by outcome: done, the code of a failure, or other.",
		}, []string{"outcome"}),
		fuel:   counter("fuel_total", "Instructions that metered modules executed."),
		starts: counter("starts_total", "Workers that were started."),
		loads:  counter("compilations_total", "Modules that were compiled."),
	}
}

// count counts a unit.
func (m *metrics) count(r Result, err error) {
	outcome, fuel := "done", r.Fuel
	var f *Failure
	switch {
	case errors.As(err, &f):
		outcome, fuel = string(f.Code), f.Fuel
	case err != nil:
		outcome = "other"
	}
	m.units.WithLabelValues(outcome).Inc()
	m.fuel.Add(float64(fuel))
}

func (m *metrics) register(r prometheus.Registerer, p *Pool) error {
	if r == nil {
		return nil
	}
	m.from = r
	for _, c := range []prometheus.Collector{
		m.units, m.fuel, m.starts, m.loads,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "batchain_exec_idle_workers", Help: "Workers kept without work."}, func() float64 {
			p.mu.Lock()
			defer p.mu.Unlock()
			return float64(len(p.idle))
		}),
	} {
		if err := r.Register(c); err != nil {
			return err
		}
		m.registered = append(m.registered, c)
	}
	return nil
}

func (m *metrics) unregister() {
	for _, c := range m.registered {
		m.from.Unregister(c)
	}
	m.registered = nil
}
