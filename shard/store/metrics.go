package store

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/batchain/batchain/wire"
)

// metrics counts what the store does; see register for the names.
type metrics struct {
	commits  prometheus.Counter
	seconds  prometheus.Histogram
	rejected *prometheus.CounterVec
	lost     prometheus.Counter
	scrubbed prometheus.Counter
	checked  prometheus.Counter
	bad      prometheus.Counter
}

func newMetrics() *metrics {
	return &metrics{
		commits: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "batchain_store_commits_total",
			Help: "Offers that ended with a lease.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "batchain_store_commit_seconds",
			Help:    "Time from an offer to its lease, the peer's sending included.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 18),
		}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "batchain_store_rejected_total",
			Help: "Offers and holds that came to nothing, by reason.",
		}, []string{"reason"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "batchain_store_lost_shards_total",
			Help: "Stored shards whose file was found missing or cut short.",
		}),
		scrubbed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "batchain_store_scrubbed_bytes_total",
			Help: "Bytes read to find out whether they are still what they were.",
		}),
		checked: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "batchain_store_checked_bytes_total",
			Help: "Bytes read because somebody wrote to their files, or to be sure of damage.",
		}),
		bad: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "batchain_store_bad_shards_total",
			Help: "Stored shards whose bytes were found damaged.",
		}),
	}
}

func (m *metrics) register(r prometheus.Registerer, s *Store) error {
	if r == nil {
		return nil
	}
	gauge := func(name, help string, value func(Usage) int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "batchain_store_" + name, Help: help},
			func() float64 { return float64(value(s.Usage())) })
	}
	collectors := []prometheus.Collector{
		m.commits, m.seconds, m.rejected, m.lost, m.scrubbed, m.checked, m.bad,
		gauge("capacity_bytes", "The most bytes that may be used.", func(u Usage) int64 { return u.Capacity }),
		gauge("used_bytes", "Bytes of stored shards and their trees.", func(u Usage) int64 { return u.Used }),
		gauge("in_flight_bytes", "Bytes of transfers under way or broken.", func(u Usage) int64 { return u.InFlight }),
		gauge("held_bytes", "Bytes promised to peers that have not begun.", func(u Usage) int64 { return u.Held }),
		gauge("free_bytes", "Bytes that can still be taken.", func(u Usage) int64 { return u.Free }),
		gauge("shards", "Stored shards.", func(u Usage) int64 { return u.Shards }),
		gauge("note_bytes", "Bytes that notes count as.", func(u Usage) int64 { return u.Notes }),
		gauge("places", "Places of stored shards in files.", func(u Usage) int64 { return u.Places }),
	}
	for _, c := range collectors {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func (m *metrics) committed(took time.Duration) {
	m.commits.Inc()
	m.seconds.Observe(took.Seconds())
}

// reject counts err under its reason and returns it.
func (m *metrics) reject(err error) error {
	m.rejected.WithLabelValues(reason(err)).Inc()
	return err
}

func reason(err error) string {
	for _, r := range []struct {
		err  error
		name string
	}{
		{wire.ErrFull, "full"},
		{wire.ErrQuota, "quota"},
		{wire.ErrBusy, "busy"},
		{wire.ErrTooBig, "too_big"},
		{wire.ErrBadRequest, "bad_request"},
		{wire.ErrInProgress, "in_progress"},
		{wire.ErrDeleted, "deleted"},
		{wire.ErrDamaged, "damaged"},
		{wire.ErrStale, "stale"},
	} {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return "broken"
}
