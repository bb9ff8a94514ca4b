package node

import (
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/prometheus/client_golang/prometheus"
)

// What the host is tuned to. A connection costs about 80 KiB at both ends
// together when idle, which the watermarks keep in bounds.
const (
	dialTimeout     = 2 * time.Second        // per address; the default of 15 s makes one dead peer hold up a lookup
	directTimeout   = 500 * time.Millisecond // a relayed peer's direct dial before hole punching
	connsLow        = 96                     // connections that trimming leaves
	connsHigh       = 160                    // connections at which trimming begins
	connsGrace      = 20 * time.Second       // a new connection is left alone for so long
	initialWindow   = 2 << 20                // bytes of a yamux stream that fly before the first update
	maxStreamWindow = 4 << 20                // bytes; yamux would grow to 16 MiB for each stream
)

// newHost makes the libp2p host: TCP and QUIC, TLS before Noise, yamux. The
// caller closes it.
func newHost(cfg Config, key crypto.PrivKey, reg prometheus.Registerer, ports *portMapper, relays *relaySource) (host.Host, error) {
	limits, err := newLimits(cfg.Mesh)
	if err != nil {
		return nil, fmt.Errorf("libp2p host: %w", err)
	}
	conns, err := connmgr.NewConnManager(connsLow, connsHigh, connmgr.WithGracePeriod(connsGrace))
	if err != nil {
		return nil, fmt.Errorf("libp2p host: %w", err)
	}
	opts := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.UserAgent(userAgent()),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(quic.NewTransport),
		libp2p.Security(libp2ptls.ID, libp2ptls.New),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, newMuxer()),
		libp2p.ResourceManager(limits),
		libp2p.ConnectionManager(conns),
		libp2p.WithDialTimeout(dialTimeout),
		libp2p.SwarmOpts(swarm.WithDialRanker(rankAddrs), swarm.WithDialTimeoutLocal(dialTimeout)),
		libp2p.PrometheusRegisterer(reg),
	}
	opts = append(opts, reachOptions(cfg, ports, relays, reg)...)
	h, err := libp2p.New(opts...)
	if err != nil {
		return nil, fmt.Errorf("libp2p host: %w", err)
	}
	return h, nil
}

// reachOptions says where to listen and what is done so that others reach us.
// Of that there is nothing for a client, nor where only loopback is listened
// at: there nothing may leave the machine.
func reachOptions(cfg Config, ports *portMapper, relays *relaySource, reg prometheus.Registerer) []libp2p.Option {
	if cfg.Client {
		return []libp2p.Option{libp2p.NoListenAddrs, libp2p.EnableRelay()}
	}
	opts := []libp2p.Option{libp2p.ListenAddrStrings(cfg.Listen...)}
	if loopbackOnly(cfg.Listen) {
		return append(opts, libp2p.DisableRelay(), libp2p.DisableIdentifyAddressDiscovery())
	}
	opts = append(opts, libp2p.NATManager(ports.start), libp2p.EnableNATService(), libp2p.EnableAutoNATv2())
	if cfg.Relay == RelayOff {
		return append(opts, libp2p.DisableRelay())
	}
	opts = append(opts, libp2p.EnableRelay(), libp2p.EnableHolePunching(holepunch.DirectDialTimeout(directTimeout)))
	return append(opts, relayOptions(cfg, relays, reg)...)
}

// newMuxer is yamux with windows that fill a long path at once and stay small
// beside a home's memory.
func newMuxer() *yamux.Transport {
	c := *yamux.DefaultTransport.Config()
	c.InitialStreamWindowSize = initialWindow
	c.MaxStreamWindowSize = maxStreamWindow
	return (*yamux.Transport)(&c)
}

// loopbackOnly tells whether nobody but this machine can reach the addresses.
func loopbackOnly(listen []string) bool {
	for _, text := range listen {
		addr, err := ma.NewMultiaddr(text)
		if err != nil || !manet.IsIPLoopback(addr) {
			return false
		}
	}
	return true
}
