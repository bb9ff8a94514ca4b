package exchange

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/batchain/batchain/wire"
)

const (
	outcomeOK       = "ok"
	outcomeGone     = "gone"
	outcomeInternal = "internal"
)

var codeNames = map[wire.Code]string{
	wire.CodeInternal:     outcomeInternal,
	wire.CodeBadRequest:   "bad_request",
	wire.CodeUnsupported:  "unsupported",
	wire.CodeBadSignature: "bad_signature",
	wire.CodeExpired:      "expired",
	wire.CodeFull:         "full",
	wire.CodeQuota:        "quota",
	wire.CodeTooBig:       "too_big",
	wire.CodeBusy:         "busy",
	wire.CodeInProgress:   "in_progress",
	wire.CodeDeleted:      "deleted",
	wire.CodeNotFound:     "not_found",
	wire.CodeDamaged:      "damaged",
	wire.CodeTimeout:      "timeout",
	wire.CodeStale:        "stale",
}

// outcome names how an operation ended: the code answered, "gone" when there
// was nobody left to answer.
func outcome(err error) string {
	var e *wire.Error
	switch {
	case err == nil:
		return outcomeOK
	case errors.Is(err, errGone), errors.Is(err, context.Canceled):
		return outcomeGone
	case !errors.As(err, &e):
		return outcomeInternal
	case codeNames[e.Code] != "":
		return codeNames[e.Code]
	}
	return strconv.Itoa(int(e.Code))
}

type metrics struct {
	operations *prometheus.CounterVec // by kind, code
	bytes      *prometheus.CounterVec // by direction
	transfers  *prometheus.GaugeVec   // by direction
}

func newMetrics() *metrics {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "batchain", Subsystem: "exchange", Name: name, Help: help}
	}
	return &metrics{
		operations: prometheus.NewCounterVec(prometheus.CounterOpts(opts("operations_total",
			"Operations of other peers, by kind and by the code they were answered with.")), []string{"kind", "code"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts(opts("bytes_total",
			"Bytes of shards, proofs, notes and manifests taken in and given out.")), []string{"direction"}),
		transfers: prometheus.NewGaugeVec(prometheus.GaugeOpts(opts("transfers",
			"Transfers under way.")), []string{"direction"}),
	}
}

// register makes the metrics visible until the function it returns is called.
func (m *metrics) register(r prometheus.Registerer) (unregister func(), err error) {
	var done []prometheus.Collector
	unregister = func() {
		for _, c := range done {
			r.Unregister(c)
		}
	}
	for _, c := range []prometheus.Collector{m.operations, m.bytes, m.transfers} {
		if err := r.Register(c); err != nil {
			unregister()
			return nil, fmt.Errorf("register metrics: %w", err)
		}
		done = append(done, c)
	}
	return unregister, nil
}
