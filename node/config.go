package node

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/batchain/batchain/wire"
)

// ErrConfig means that a setting makes no sense. The text names the setting.
var ErrConfig = errors.New("configuration is invalid")

// DefaultMesh is the mesh of a node that names none.
const DefaultMesh = "main"

// DefaultPort is where a node listens, with TCP and with QUIC.
const DefaultPort = 4170

// Relay says whether a node carries the traffic of others that cannot be
// reached, and reaches others that way.
const (
	RelayAuto = "auto" // uses relays, and is one once others have found that it can be dialled
	RelayOn   = "on"   // is one, since its owner says that it can be dialled
	RelayOff  = "off"  // neither
)

// Config is all that can be set of a node. The zero value of every field means
// its default, so that flags, environment and file fill the same struct.
type Config struct {
	// Home is the node's folder; made when it is not there. It must be set.
	Home string
	// Mesh names the mesh: [a-z0-9-]{1,32}. Nodes of different meshes do not
	// speak to each other. Default: [DefaultMesh].
	Mesh string
	// Listen holds the multiaddrs to listen at. With loopback addresses only,
	// nothing leaves the machine: no multicast, port mapping, reachability
	// probes or relays. Default: every address, TCP and QUIC, [DefaultPort].
	Listen []string
	// Bootstrap holds full multiaddrs, with /p2p/, of nodes to begin with.
	// A home that has met peers needs none.
	Bootstrap []string
	// Capacity is how many bytes of shards this node keeps for others.
	// Default: a tenth of the file system that holds the home.
	Capacity int64
	// PerPeer is how many of those bytes one peer may fill. Default: all.
	PerPeer int64
	// PerNetwork is how many of them all peers of one IPv4 /24 or IPv6 /48 may
	// fill together: peers are free, networks less so. Default: all.
	PerNetwork int64
	// NoStorage makes a node that keeps nothing for others and is no server
	// of the routing table. It listens, puts and gets.
	NoStorage bool
	// NoMDNS turns the search for nodes on the local network off.
	NoMDNS bool
	// Relay is [RelayAuto] (default), [RelayOn] or [RelayOff].
	Relay string
	// RelayBytes is how many bytes this node carries for others as a relay in half
	// an hour, all of them and both directions together; one connection may use them
	// up. From 8 MiB on others send shards over it. Default: 128 KiB in each
	// direction of a connection, in two minutes, with which others find a direct way.
	RelayBytes int64
	// Metrics is a TCP address that serves /metrics to everybody who reaches
	// it. Default: none; the control socket serves them always.
	Metrics string
	// Hive says whose bees may work for this node's projects. Default: anybody's
	// who proves some work.
	Hive Admission
	// Client is a node for the length of one command: it stores nothing and
	// listens nowhere, whatever Listen and Metrics say.
	Client bool
	// Logger gets what happens; nil discards it.
	Logger *slog.Logger
}

// Admission says which peers may be bees of this node's hive.
type Admission struct {
	Closed bool     // no new ones, save those allowed
	Allow  []string // peer ids that need no proof of work
	Deny   []string // peer ids that are never admitted
	Proof  int      // bits of the proof of work; 0: 20; below 0: none is asked
}

// maxProof is the strongest proof of work that bees do, in bits.
const maxProof = 28

// peers parses both lists.
func (a Admission) peers() (allow, deny []peer.ID, err error) {
	if a.Proof > maxProof {
		return nil, nil, fmt.Errorf("%w: hive: proof %d, at most %d bits are worked for", ErrConfig, a.Proof, maxProof)
	}
	for _, list := range []struct {
		from []string
		to   *[]peer.ID
	}{{a.Allow, &allow}, {a.Deny, &deny}} {
		for _, text := range list.from {
			id, err := peer.Decode(text)
			if err != nil {
				return nil, nil, fmt.Errorf("%w: hive: %q is no peer id: %w", ErrConfig, text, err)
			}
			*list.to = append(*list.to, id)
		}
	}
	return allow, deny, nil
}

// withDefaults fills what is not set, and makes the home's path absolute.
func (c Config) withDefaults() (Config, error) {
	home, err := filepath.Abs(c.Home)
	if err != nil {
		return c, fmt.Errorf("%w: home: %w", ErrConfig, err)
	}
	c.Home = home
	if c.Mesh == "" {
		c.Mesh = DefaultMesh
	}
	if c.Relay == "" {
		c.Relay = RelayAuto
	}
	if c.Client {
		c.Listen, c.NoStorage, c.NoMDNS, c.Metrics = nil, true, true, ""
	} else if len(c.Listen) == 0 {
		c.Listen = defaultListen()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func defaultListen() []string {
	return []string{
		fmt.Sprintf("/ip4/0.0.0.0/tcp/%d", DefaultPort),
		fmt.Sprintf("/ip4/0.0.0.0/udp/%d/quic-v1", DefaultPort),
		fmt.Sprintf("/ip6/::/tcp/%d", DefaultPort),
		fmt.Sprintf("/ip6/::/udp/%d/quic-v1", DefaultPort),
	}
}

// Validate reports the first setting that makes no sense, wrapping [ErrConfig].
func (c Config) Validate() error {
	if c.Home == "" {
		return fmt.Errorf("%w: no home folder", ErrConfig)
	}
	if c.Mesh != "" {
		if err := wire.ValidMesh(c.Mesh); err != nil {
			return fmt.Errorf("%w: mesh: %w", ErrConfig, err)
		}
	}
	for _, text := range c.Listen {
		addr, err := ma.NewMultiaddr(text)
		if err != nil {
			return fmt.Errorf("%w: listen %q: %w", ErrConfig, text, err)
		}
		if _, p := peer.SplitAddr(addr); p != "" {
			return fmt.Errorf("%w: listen %q: is the address of a peer", ErrConfig, text)
		}
	}
	for _, text := range c.Bootstrap {
		if _, err := peer.AddrInfoFromString(text); err != nil {
			return fmt.Errorf("%w: bootstrap %q: %w", ErrConfig, text, err)
		}
	}
	if _, _, err := c.Hive.peers(); err != nil {
		return err
	}
	if c.RelayBytes < 0 {
		return fmt.Errorf("%w: relay-bytes %d is below zero", ErrConfig, c.RelayBytes)
	}
	if c.Capacity < 0 || c.PerPeer < 0 || c.PerNetwork < 0 {
		return fmt.Errorf("%w: capacity %d, per-peer %d or per-network %d is below zero", ErrConfig, c.Capacity, c.PerPeer, c.PerNetwork)
	}
	switch c.Relay {
	case "", RelayAuto, RelayOn, RelayOff:
	default:
		return fmt.Errorf("%w: relay %q is none of auto, on, off", ErrConfig, c.Relay)
	}
	if c.Metrics != "" {
		if _, _, err := net.SplitHostPort(c.Metrics); err != nil {
			return fmt.Errorf("%w: metrics %q: %w", ErrConfig, c.Metrics, err)
		}
	}
	return nil
}

// server says whether this node takes part in routing and keeps shards.
func (c Config) server() bool { return !c.Client && !c.NoStorage }

// bootstrapPeers parses the addresses that Validate has passed, and joins the
// addresses of one peer.
func (c Config) bootstrapPeers() []peer.AddrInfo {
	addrs := make([]ma.Multiaddr, 0, len(c.Bootstrap))
	for _, text := range c.Bootstrap {
		if addr, err := ma.NewMultiaddr(text); err == nil {
			addrs = append(addrs, addr)
		}
	}
	infos, err := peer.AddrInfosFromP2pAddrs(addrs...)
	if err != nil {
		return nil
	}
	return infos
}
