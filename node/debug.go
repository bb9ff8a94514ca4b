package node

import (
	"net/http"
	"net/http/pprof"
)

// extras is what the control socket serves beside the API: metrics, events
// and the profiles of the running process.
func (n *Node) extras() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metricsHandler(n.registry))
	mux.Handle("GET /events", n.events)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
