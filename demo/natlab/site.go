package natlab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
)

// Kind is what lies between the machines of a site and the others.
type Kind string

// The kinds of sites.
const (
	None       Kind = "none"       // public addresses, nothing between
	Preserving Kind = "preserving" // one NAT that keeps ports, and lets in only answers
	Symmetric  Kind = "symmetric"  // one NAT that takes another random port for each destination
	Double     Kind = "double"     // a NAT that keeps ports behind another: a carrier's
	NoUDP      Kind = "noudp"      // a NAT that keeps ports and lets no UDP through
	UPnP       Kind = "upnp"       // a NAT that keeps ports and maps them when asked (UPnP, NAT-PMP, PCP)
)

// Kinds lists all kinds.
var Kinds = []Kind{None, Preserving, Symmetric, Double, NoUDP, UPnP}

// Site is a place with machines in it.
type Site struct {
	Kind     Kind
	Machines []*Machine

	lab    *Lab
	number int
	gate   string // the namespace with the outside address, "" for None
	moves  int
}

// Machine is one computer of a site.
type Machine struct {
	Addr netip.Addr // its own, inside the site

	lab   *Lab
	space string
}

// Site adds a site with machines. A lab has room for 250 sites of 200 machines.
func (l *Lab) Site(kind Kind, machines int) (*Site, error) {
	l.sites++
	s := &Site{Kind: kind, lab: l, number: l.sites}
	if err := errors.Join(s.build(), s.populate(machines)); err != nil {
		return nil, fmt.Errorf("site %d, %s: %w", s.number, kind, err)
	}
	return s, nil
}

// Outside is the address under which others see the machines of a site behind a
// NAT, or the router's for the machines of [None].
func (s *Site) Outside() netip.Addr {
	host := byte(1)
	if s.gate != "" {
		host = byte(2 + s.moves)
	}
	return netip.AddrFrom4([4]byte{11, byte(s.number), 0, host})
}

func (s *Site) name(what string) string { return fmt.Sprintf("%s%d", what, s.number) }

// build makes what lies between the machines and the others, down to the
// bridge that the machines will be plugged into.
func (s *Site) build() error {
	port := s.name("site") // of the router
	if s.Kind == None {
		return s.lab.ip(backbone, "link add "+port+" type bridge", "link set "+port+" up", "addr add "+s.wide(1)+" dev "+port)
	}
	outer := s.name("gate")
	if s.Kind == Double {
		outer = s.name("carrier")
	}
	s.gate = outer
	if err := s.lab.space(outer); err != nil {
		return err
	}
	if err := s.lab.ip(backbone,
		"link add "+port+" type veth peer name wan netns "+s.lab.full(outer),
		"link set "+port+" up", "addr add "+s.wide(1)+" dev "+port); err != nil {
		return err
	}
	if err := s.lab.ip(outer, "link set wan up", "addr add "+s.wide(2)+" dev wan", "route add default via "+s.router()); err != nil {
		return err
	}
	if s.Kind != Double {
		return s.translate(outer, "192.168.1.1/24")
	}
	return errors.Join(s.translate(outer, "100.64.0.1/24"), s.second(outer))
}

// second puts the home's gate behind the carrier's.
func (s *Site) second(outer string) error {
	inner := s.name("gate")
	if err := s.lab.space(inner); err != nil {
		return err
	}
	if err := s.lab.ip(outer, "link add home type veth peer name wan netns "+s.lab.full(inner), "link set home master lan", "link set home up"); err != nil {
		return err
	}
	if err := s.lab.ip(inner, "link set wan up", "addr add 100.64.0.2/24 dev wan", "route add default via 100.64.0.1"); err != nil {
		return err
	}
	return s.translate(inner, "192.168.1.1/24")
}

// translate makes a NAT of a gate, with its inside at addr.
func (s *Site) translate(gate, addr string) error {
	if err := s.lab.ip(gate, "link add lan type bridge", "link set lan up", "addr add "+addr+" dev lan"); err != nil {
		return err
	}
	if err := s.lab.nft(gate, rules(s.Kind)); err != nil {
		return err
	}
	if s.Kind == UPnP {
		return s.mapper(gate)
	}
	return nil
}

// populate plugs machines into the innermost bridge.
func (s *Site) populate(count int) error {
	at, bridge, prefix, via := s.name("gate"), "lan", "192.168.1", "192.168.1.1"
	if s.Kind == None {
		at, bridge, prefix, via = backbone, s.name("site"), fmt.Sprintf("11.%d.0", s.number), s.router()
	}
	for i := range count {
		m := &Machine{lab: s.lab, space: fmt.Sprintf("m%d-%d", s.number, i), Addr: netip.MustParseAddr(fmt.Sprintf("%s.%d", prefix, 10+i))}
		if err := s.lab.space(m.space); err != nil {
			return err
		}
		plug := fmt.Sprintf("p%d-%d", s.number, i)
		if err := s.lab.ip(at, "link add "+plug+" type veth peer name eth0 netns "+s.lab.full(m.space),
			"link set "+plug+" master "+bridge, "link set "+plug+" up"); err != nil {
			return err
		}
		if err := s.lab.ip(m.space, "link set eth0 up", fmt.Sprintf("addr add %s/24 dev eth0", m.Addr), "route add default via "+via); err != nil {
			return err
		}
		s.Machines = append(s.Machines, m)
	}
	return nil
}

// router is the address of the router towards this site.
func (s *Site) router() string { return fmt.Sprintf("11.%d.0.1", s.number) }

// wide is an outside address of this site with its prefix length.
func (s *Site) wide(host int) string { return fmt.Sprintf("11.%d.0.%d/24", s.number, host) }

// Command is a command that will run on the machine. The end of ctx kills it.
func (m *Machine) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", m.lab.full(m.space), name}, args...)...)
}
