package keeper

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/batchain/batchain/wire"
)

// metrics counts what a keeper does; see newMetrics for the names.
type metrics struct {
	checks   *prometheus.CounterVec
	rebuilt  prometheus.Counter
	notes    prometheus.Counter
	recruits prometheus.Counter
	refused  *prometheus.CounterVec
}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "batchain_keeper_" + name, Help: help})
	}
	return &metrics{
		checks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "batchain_keeper_checks_total",
			Help: "Files that a round came to, by outcome: worked, watched, failed.",
		}, []string{"outcome"}),
		rebuilt:  counter("rebuilt_shards_total", "Shards that repairs brought to new hosts."),
		notes:    counter("notes_total", "Notes that were carried to hosts that lacked them."),
		recruits: counter("recruits_total", "Keepers that took the place of silent ones."),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "batchain_keeper_refused_total",
			Help: "Charges that were not taken, by reason.",
		}, []string{"reason"}),
	}
}

// refuse counts a charge that was not taken.
func (m *metrics) refuse(err error) {
	reason := "other"
	for name, kind := range map[string]error{
		"quota": wire.ErrQuota, "full": wire.ErrFull, "deleted": wire.ErrDeleted,
		"bad_request": wire.ErrBadRequest, "bad_signature": wire.ErrBadSignature, "in_progress": wire.ErrInProgress,
	} {
		if errors.Is(err, kind) {
			reason = name
		}
	}
	m.refused.WithLabelValues(reason).Inc()
}

func (m *metrics) register(r prometheus.Registerer, k *Keeper) error {
	if r == nil {
		return nil
	}
	gauge := func(name, help string, of func(*charge) int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "batchain_keeper_" + name, Help: help}, func() float64 {
			return float64(k.sum(of))
		})
	}
	for _, c := range []prometheus.Collector{
		m.checks, m.rebuilt, m.notes, m.recruits, m.refused,
		gauge("charges", "Files that are kept for others.", func(*charge) int64 { return 1 }),
		gauge("bytes", "Bytes of their manifests.", func(c *charge) int64 { return c.Manifest }),
		gauge("at_risk", "Files kept for others whose margin is at most half of what it should be.", func(c *charge) int64 {
			if c.Checked != 0 && c.Manifest != 0 && c.atRisk() {
				return 1
			}
			return 0
		}),
	} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// sum adds up something over all charges.
func (k *Keeper) sum(of func(*charge) int64) (sum int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.charges {
		sum += of(c)
	}
	return sum
}
