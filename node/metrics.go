package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// newRegistry makes the registry of one node; every part adds its own.
func newRegistry(mesh string) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "batchain_node_info", Help: "The build and the mesh of this node; always 1.",
		ConstLabels: prometheus.Labels{"version": Version(), "mesh": mesh},
	}, func() float64 { return 1 }))
	return reg
}

// countPeers adds the figures that are read off the host.
func countPeers(reg prometheus.Registerer, h host.Host) {
	reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "batchain_node_peers", Help: "Peers that there is a connection to.",
		}, func() float64 { return float64(len(h.Network().Peers())) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "batchain_node_connections", Help: "Connections, of which a peer may have several.",
		}, func() float64 { return float64(len(h.Network().Conns())) }),
	)
}

func metricsHandler(reg *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg})
}

// metricsPort serves /metrics on a TCP port to everybody who reaches it.
type metricsPort struct {
	listener net.Listener
	handler  http.Handler
}

func listenMetrics(addr string, reg *prometheus.Registry) (*metricsPort, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metricsHandler(reg))
	return &metricsPort{l, mux}, nil
}

// Run serves until ctx ends.
func (m *metricsPort) Run(ctx context.Context) error {
	srv := &http.Server{
		Handler: m.handler, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(m.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("metrics: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	err := srv.Shutdown(end)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	<-served
	return err
}
