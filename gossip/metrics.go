package gossip

import "github.com/prometheus/client_golang/prometheus"

func (g *Gossiper) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{
		g.members(Unknown), g.members(Live), g.members(Suspect), g.members(Dead), g.members(Left), g.alone(),
		g.counter("bad_messages_total", "Messages that no honest member sends.", func(c *counts) uint64 { return c.badMessages }),
		g.counter("dropped_messages_total", "Messages of peers that are blocked or send too many.", func(c *counts) uint64 { return c.droppedMessages }),
		g.counter("refused_members_total", "Members that were not taken in.", func(c *counts) uint64 { return c.refusedMembers }),
		g.counter("checks_total", "Checks of records and heartbeats, each about as dear as one of a signature.", func(c *counts) uint64 { return c.checks }),
		g.counter("bad_heartbeats_total", "Heartbeats that do not follow on those known.", func(c *counts) uint64 { return c.badBeats }),
		g.counter("equivocations_total", "Pairs of records that were signed as one.", func(c *counts) uint64 { return c.equivocations }),
		g.counter("omissions_total", "States from which something was withheld.", func(c *counts) uint64 { return c.omissions }),
	} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func (g *Gossiper) members(s State) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "batchain_gossip_members", Help: "Members by state.", ConstLabels: prometheus.Labels{"state": s.String()},
	}, func() float64 {
		g.mu.Lock()
		defer g.mu.Unlock()
		n := 0
		for _, m := range g.core.members {
			if m.state == s {
				n++
			}
		}
		return float64(n)
	})
}

func (g *Gossiper) alone() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "batchain_gossip_alone", Help: "1 while nobody has been heard for six intervals: this node may be cut off.",
	}, func() float64 {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.core.stall.alone {
			return 1
		}
		return 0
	})
}

func (g *Gossiper) counter(name, help string, of func(*counts) uint64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "batchain_gossip_" + name, Help: help}, func() float64 {
		g.mu.Lock()
		defer g.mu.Unlock()
		return float64(of(&g.core.counts))
	})
}
