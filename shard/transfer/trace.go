package transfer

import (
	"github.com/libp2p/go-libp2p/core/peer"
)

// The names of what a put does with a host; how the host is reached comes before.
const (
	TraceReady = "ready_to_store" // the host has room and waits for bytes
	TraceStore = "store_file"     // the host has them, under receipt
	TraceNext  = "next_candidate" // the host is passed over, Err says why; another takes its shard if one can
)

// Trace is one step of a put. The first two are told once for each host.
type Trace struct {
	Step  string
	Peer  peer.ID
	Bytes int // of the shard that were sent
	Err   string
}

// trace tells of a step.
func (p *put) trace(t Trace) {
	if p.e.cfg.Trace == nil {
		return
	}
	if t.Step != TraceNext {
		p.mu.Lock()
		told := p.traced[t.Step+string(t.Peer)]
		p.traced[t.Step+string(t.Peer)] = true
		p.mu.Unlock()
		if told {
			return
		}
	}
	p.e.cfg.Trace(t)
}
