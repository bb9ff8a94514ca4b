package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/kad"
	"github.com/batchain/batchain/node/broker"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/devices"
	"github.com/batchain/batchain/node/labour"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/catalogue"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/keeper"
	"github.com/batchain/batchain/shard/store"
	"github.com/batchain/batchain/shard/transfer"
)

// Node is one member of a mesh. It implements [control.Backend].
type Node struct {
	control.Labour // what it does about workgroups: labour

	cfg      Config
	home     Home
	log      *slog.Logger
	started  time.Time
	registry *prometheus.Registry
	events   *events

	host        host.Host    // reaches peers behind NATs
	plain       host.Host    // libp2p's own
	index       *store.Index // nil without storage
	store       *store.Store // nil without storage
	table       *kad.Table
	broker      *broker.Broker
	ports       *portMapper
	relays      *relaySource
	client      *exchange.Client
	seed        shard.Seed
	engine      *transfer.Engine
	keeper      *keeper.Keeper
	listKeepers *listKeepers // nil in a node for one command
	catalogue   *catalogue.Catalogue
	devices     *devices.Devices // nil for a client
	labour      *labour.Labour
	leaving     *leaving
	cache       *peerCache
	bootstrap   *bootstrap
	members     *membership
	news        chan struct{} // holds one: there may be something new to say
	relied      *relied       // nil in a node for the length of one command
	joining     *joining
	finder      *finder
	quiet       quiet
	watcher     *watcher
	socket      net.Listener
	metrics     *metricsPort // nil when no port was asked for

	parts   []part
	closers []func() error // in the order of opening
	closed  func() error
}

var _ control.Backend = (*Node)(nil)

// part is something that runs as long as the node does.
type part struct {
	name string
	run  func(ctx context.Context) error
}

// New opens everything and serves nothing yet. It takes the home's lock, or
// says who has it: [*HomeBusy]. Call Run, or Close to give it up. Other errors:
// [ErrConfig], [*NewerFormatError], [ErrKeyExposed], [ErrKeyDamaged], those of
// the disk and of listening.
func New(ctx context.Context, cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, home: Home(cfg.Home), log: cfg.Logger, started: time.Now(),
		registry: newRegistry(cfg.Mesh), events: newEvents(),
	}
	n.closed = sync.OnceValue(n.closeAll)
	for _, open := range []func(context.Context) error{
		n.openHome, n.openHost, n.openRouting, n.openBroker, n.openStorage, n.openGossip, n.openEngine, n.openKeeping, n.openDevices, n.openExchange, n.openLabour, n.openControl,
	} {
		if err := open(ctx); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	return n, nil
}

// Run serves until ctx ends, or until a part ends by itself, which ends the
// node with its error. ready, which may be nil, is called when everything
// serves. When Run returns, every goroutine has ended and everything is closed.
func (n *Node) Run(ctx context.Context, ready func()) error {
	group, ctx := errgroup.WithContext(ctx)
	if ready != nil {
		n.addPart("start", n.whenServing(func(context.Context) error { ready(); return nil }))
	}
	for _, p := range n.parts {
		group.Go(func() error {
			if err := p.run(ctx); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			return nil
		})
	}
	return errors.Join(group.Wait(), n.Close())
}

// Close releases what a node holds that was not run. Run does it at its end;
// it may be called again.
func (n *Node) Close() error { return n.closed() }

// closeAll closes in the reverse order of opening: routing, host, index, lock.
func (n *Node) closeAll() error {
	var errs []error
	for _, c := range slices.Backward(n.closers) {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

func (n *Node) onClose(c func() error) { n.closers = append(n.closers, c) }

func (n *Node) addPart(name string, run func(context.Context) error) {
	n.parts = append(n.parts, part{name, run})
}
