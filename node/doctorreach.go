package node

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/batchain/batchain/node/control"
)

// ExamineStatus judges how a running node is reached by others, and why.
func ExamineStatus(s control.Status) []Finding {
	found := []Finding{examineReach(s)}
	if s.Peers == 0 {
		return append(found, wrong("peers", "give the address of one with --bootstrap", "no peer is connected"))
	}
	return append(found, fine("peers", "%s connected", english.Plural(s.Peers, "peer", "")))
}

func examineReach(s control.Status) Finding {
	const check = "reachability"
	r := s.Reach
	switch {
	case s.Reachability == "loopback" || s.Reachability == "client":
		return fine(check, "%s only", s.Reachability)
	case r == nil:
		return fine(check, "%s", s.Reachability)
	case len(r.Reachable) > 0:
		return fine(check, "anybody can dial this node: peers have, at %s", r.Reachable[0])
	case s.Reachability == "public":
		return fine(check, "anybody can dial this node: peers have")
	case r.NAT == "none" && !public(r.Seen[0]):
		return fine(check, "the peers that were asked are in this node's own network; how others reach it is not known")
	case r.NAT == "none" && s.Reachability != "private":
		return fine(check, "no NAT is between this node and others; none has tried to dial it yet")
	case r.NAT == "none":
		return wrong(check, "let TCP and UDP port 4170 in", "this machine has a public address, and a firewall keeps others out")
	case mapped(r):
		return fine(check, "the gate maps a port to this node: %s", r.Mapped[0])
	case r.NAT == "random" && contested(r, s.Addrs):
		return wrong(check, "let this node listen at a port of its own, 4171 say: listen in config.toml",
			"behind a NAT that keeps ports, and another machine behind it uses this node's: not every peer can reach it%s", overRelays(r))
	case r.NAT == "random":
		return wrong(check, "turn on UPnP or NAT-PMP at the router, or forward TCP and UDP port 4170 to this machine",
			"behind a NAT that takes another port for each peer: only peers that can be dialled themselves reach this node%s", overRelays(r))
	case r.NAT == "keeps":
		return fine(check, "behind a NAT that keeps ports: peers reach this node by way of a third%s", overRelays(r))
	case s.Reachability == "private" && len(r.Seen) > 0:
		return wrong(check, "forward TCP and UDP port 4170 to this machine, or turn on UPnP at the router",
			"others cannot dial this node, and what the NAT does is not known: too few peers were asked%s", overRelays(r))
	case s.Reachability == "private":
		return wrong(check, "forward TCP and UDP port 4170 to this machine, or turn on UPnP at the router",
			"others cannot dial this node, and what the NAT does is not known: nobody could be asked over UDP%s", overRelays(r))
	}
	return fine(check, "not known yet: too few peers were asked")
}

// overRelays counts the relays, each of which has several addresses.
func overRelays(r *control.Reach) string {
	relays := map[string]bool{}
	for _, text := range r.Relays {
		at, _, _ := strings.Cut(text, "/p2p-circuit")
		relays[at[strings.LastIndex(at, "/")+1:]] = true
	}
	if len(relays) == 0 {
		return ""
	}
	return fmt.Sprintf(", or over %s", english.Plural(len(relays), "relay", ""))
}

// mapped reports whether a mapping leads here from the outside: not one of a gate that
// peers could not dial, over TCP or UDP, nor one of a gate that is behind another, where others see this
// node under another address.
func mapped(r *control.Reach) bool {
	return slices.ContainsFunc(r.Mapped, func(m string) bool {
		closed := slices.ContainsFunc(r.Unreachable, func(u string) bool { return hostOf(u) == hostOf(m) })
		return public(m) && !closed && (len(r.Seen) == 0 || !public(r.Seen[0]) || hostOf(m) == hostOf(r.Seen[0]))
	})
}

// contested reports whether a gate keeps the UDP port of this node, whose addresses
// are own, towards some peers and not towards others: a symmetric NAT keeps none, so
// it has given the port to another machine there.
func contested(r *control.Reach, own []string) bool {
	kept := false
	for _, seen := range r.Seen {
		if hostOf(seen) != hostOf(r.Seen[0]) {
			return false // a NAT with several addresses
		}
		kept = kept || slices.ContainsFunc(own, func(o string) bool {
			return hostOf(o) != hostOf(seen) && udpPort(o) != "" && udpPort(o) == udpPort(seen)
		})
	}
	return kept
}

// udpPort is the UDP port of an address, as text, "" if it has none.
func udpPort(text string) string {
	addr, err := ma.NewMultiaddr(text)
	if err != nil {
		return ""
	}
	port, _ := addr.ValueForProtocol(ma.P_UDP)
	return port
}

// public reports whether an address, as text, is one of the Internet.
func public(text string) bool {
	addr, err := ma.NewMultiaddr(text)
	return err == nil && manet.IsPublicAddr(addr)
}

// hostOf is the IP of an address, as text.
func hostOf(text string) string {
	addr, err := ma.NewMultiaddr(text)
	if err != nil {
		return ""
	}
	ip, err := manet.ToIP(addr)
	if err != nil {
		return ""
	}
	return ip.String()
}
