package natlab

import (
	"errors"
	"fmt"
)

// Move gives a site behind a NAT another outside address, as a provider does
// over night: the gate forgets every connection. A site has 200 of them.
func (s *Site) Move() error {
	if s.gate == "" {
		return errors.New("a site without a NAT does not move")
	}
	old := s.Outside()
	s.moves++
	return s.lab.ip(s.gate,
		fmt.Sprintf("addr del %s/24 dev wan", old),
		fmt.Sprintf("addr add %s/24 dev wan", s.Outside()),
		"route replace default via "+s.router())
}

// Forget makes the gate forget every connection under way, and keep its address.
func (s *Site) Forget() error {
	if s.gate == "" {
		return errors.New("a site without a NAT remembers nothing")
	}
	return s.lab.ip(s.gate, "link set wan down", "link set wan up", "route replace default via "+s.router())
}

// Rate limits what the site sends to the others, and what it gets, in megabits
// a second each.
func (s *Site) Rate(megabits int) error {
	shape := func(space, dev string) error {
		return run(nil, "tc", "-n", s.lab.full(space), "qdisc", "replace", "dev", dev, "root",
			"tbf", "rate", fmt.Sprintf("%dmbit", megabits), "burst", "256kb", "latency", "50ms")
	}
	if s.gate == "" {
		var errs []error
		for i, m := range s.Machines {
			errs = append(errs, shape(m.space, "eth0"), shape(backbone, fmt.Sprintf("p%d-%d", s.number, i)))
		}
		return errors.Join(errs...)
	}
	return errors.Join(shape(s.gate, "wan"), shape(backbone, s.name("site")))
}
