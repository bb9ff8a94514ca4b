package node

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
)

// lan finds nodes of the same mesh on the local network by multicast DNS and
// connects to them.
type lan struct {
	host   host.Host
	mesh   string
	logger *slog.Logger
	found  chan peer.AddrInfo
}

// lanQueue bounds how many found nodes wait to be dialed; more are found again
// soon.
const lanQueue = 64

// lanDial bounds one dial.
const lanDial = 5 * time.Second

func newLAN(h host.Host, mesh string, logger *slog.Logger) *lan {
	return &lan{host: h, mesh: mesh, logger: logger, found: make(chan peer.AddrInfo, lanQueue)}
}

// usesMDNS tells whether a node searches its local network: not as a client,
// not when it was told not to, and never when it listens on loopback only.
func usesMDNS(cfg Config) bool {
	return !cfg.Client && !cfg.NoMDNS && !loopbackOnly(cfg.Listen)
}

// serviceName carries the mesh, so that two meshes on one network stay apart.
func (l *lan) serviceName() string { return "_batchain-" + l.mesh + "._udp" }

// HandlePeerFound takes what the service finds. It never blocks.
func (l *lan) HandlePeerFound(info peer.AddrInfo) {
	select {
	case l.found <- info:
	default:
	}
}

// Run searches until ctx ends. A network without multicast is no reason to
// stop the node.
func (l *lan) Run(ctx context.Context) error {
	service := mdns.NewMdnsService(l.host, l.serviceName(), l)
	if err := service.Start(); err != nil {
		l.logger.Warn("local network search is off", "err", fmt.Errorf("mdns: %w", err))
		<-ctx.Done()
		return nil
	}
	defer service.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case info := <-l.found:
			l.connect(ctx, info)
		}
	}
}

func (l *lan) connect(ctx context.Context, info peer.AddrInfo) {
	ctx, cancel := context.WithTimeout(ctx, lanDial)
	defer cancel()
	if err := l.host.Connect(ctx, info); err != nil {
		l.logger.Debug("peer on the local network does not answer", "peer", info.ID, "err", err)
		return
	}
	l.logger.Info("peer found on the local network", "peer", info.ID)
}
