package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/kad"
	"github.com/batchain/batchain/node/broker"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/keeper"
	"github.com/batchain/batchain/shard/store"
	"github.com/batchain/batchain/shard/transfer"
)

// openHome takes the home and, for a host, opens its index.
func (n *Node) openHome(context.Context) error {
	lock, err := n.home.acquire()
	if err != nil {
		return err
	}
	n.onClose(lock.release)
	if err := n.home.open(); err != nil {
		return err
	}
	if !n.cfg.server() {
		return nil
	}
	if n.index, err = store.OpenIndex(n.home.index()); err != nil {
		return err
	}
	n.onClose(n.index.Close)
	return nil
}

// openHost makes the libp2p host and what only watches it.
func (n *Node) openHost(context.Context) error {
	key, err := loadIdentity(n.home.identity())
	if err != nil {
		return err
	}
	if err := portsFree(n.cfg.Listen); err != nil {
		return err
	}
	n.ports, n.relays = &portMapper{}, &relaySource{budget: broker.NewBudget(n.cfg.RelayBytes)}
	if n.host, err = newHost(n.cfg, key, n.registry, n.ports, n.relays); err != nil {
		return err
	}
	n.onClose(n.host.Close)
	countPeers(n.registry, n.host)
	n.watcher = &watcher{host: n.host, events: n.events}
	n.addPart("host events", n.watcher.Run)
	n.cache = newPeerCache(n.home.peers(), n.host, exchange.ProtocolID(n.cfg.Mesh), n.log)
	n.addPart("peer cache", n.cache.Run)
	if usesMDNS(n.cfg) {
		n.addPart("local network search", n.whenServing(newLAN(n.host, n.cfg.Mesh, n.log).Run))
	}
	return nil
}

// openRouting joins node and mesh.
func (n *Node) openRouting(context.Context) (err error) {
	n.bootstrap = newBootstrap(n.cfg.bootstrapPeers(), n.cache.Addrs)
	cfg := kad.Config{
		Host: n.host, Mesh: n.cfg.Mesh, Server: n.cfg.server(), Bootstrap: n.bootstrap.next, Logger: n.log.With("part", "kad"),
	}
	if n.index != nil {
		cfg.Datastore = kad.NewDatastore(n.index.DB, "kad", n.indexRoom)
		cfg.Locators = n.locators
	}
	if n.table, err = kad.New(cfg); err != nil {
		return err
	}
	n.onClose(n.table.Close)
	n.addPart("routing", n.whenServing(n.table.Run))
	n.joining = &joining{
		size: n.table.Size,
		hope: func() bool { return len(n.host.Network().Peers())+len(n.bootstrap.known()) > 0 },
		call: func(ctx context.Context) { n.bootstrap.call(ctx, n.host) },
		done: make(chan struct{}),
	}
	n.addPart("joining", n.whenServing(n.joining.Run))
	n.finder = &finder{host: n.host, routing: n.table, met: n.bootstrap.known, speaks: exchange.ProtocolID(n.cfg.Mesh), joined: n.joining.wait}
	return nil
}

// indexFloor is the free bytes of the disk below which the routing layer writes
// no more to the index; the store's own floor is the same.
const indexFloor = 16 << 20

// indexRoom tells whether the disk takes another write to the index.
func (n *Node) indexRoom() bool {
	free, err := disk.Free(n.home.index())
	return err == nil && free >= indexFloor
}

// openStorage makes the client of other hosts and, for a host, the store.
func (n *Node) openStorage(ctx context.Context) (err error) {
	n.client = exchange.NewClient(n.host, n.cfg.Mesh, exchange.Timeouts{})
	if n.index == nil {
		return nil
	}
	if n.store, err = n.openStore(ctx); err != nil {
		return err
	}
	n.addPart("store", n.store.Run)
	return nil
}

// openEngine makes what moves whole files.
func (n *Node) openEngine(context.Context) (err error) {
	n.warnOfLostKey()
	if n.seed, err = LoadOwnerKey(string(n.home)); err != nil {
		return err
	}
	n.engine = transfer.New(transfer.Config{
		Host: n.host, Client: n.client, Finder: n.finder, Mesh: n.cfg.Mesh, Seed: n.seed,
		Journal: n.home.journal(), Manifests: n.home.Manifests(), Logger: n.log.With("part", "transfer"), Members: n.members, Trace: n.tracedPut,
		Keepers: func(ctx context.Context, m *shard.Manifest) []peer.ID { return n.keeper.Keepers(ctx, m) },
		Serves:  n.store != nil,
	})
	if !n.cfg.Client {
		n.addPart("removing", n.whenServing(n.finishRemoves))
	}
	return nil
}

// openExchange makes a host's end of the shard protocol.
func (n *Node) openExchange(context.Context) error {
	if n.store == nil {
		return nil
	}
	key, err := signingKey(n.host.Peerstore().PrivKey(n.ID()))
	if err != nil {
		return err
	}
	server := exchange.NewServer(exchange.ServerConfig{
		Host: n.host, Key: key, Mesh: n.cfg.Mesh, Store: &announced{n.store, n.table, n.keeper}, Keeper: n.keeper,
		Logger: n.log.With("part", "exchange"), Registerer: n.registry,
	})
	n.addPart("exchange", server.Run)
	return nil
}

// warnOfLostKey tells when a home has manifests and no owner.key: the new one
// that is made then reads those files and cannot delete them.
func (n *Node) warnOfLostKey() {
	if _, err := os.Stat(n.home.ownerKey()); !errors.Is(err, os.ErrNotExist) {
		return
	}
	if files, err := Files(string(n.home)); err == nil && len(files) > 0 {
		n.log.Error("owner.key is missing and a new one is made: files put before can be read, and not be deleted",
			"home", n.home, "manifests", len(files))
	}
}

// openControl listens for commands.
func (n *Node) openControl(context.Context) (err error) {
	n.leaving = newLeaving()
	n.addPart("leaving", n.leaving.Run)
	if n.socket, err = n.home.listenControl(); err != nil {
		return err
	}
	n.onClose(func() error { n.home.closeControl(n.socket); return nil })
	server := control.NewServer(n, n.extras())
	server.Logger = n.log.With("part", "control")
	n.addPart("control", func(ctx context.Context) error { return server.Serve(ctx, n.socket) })
	if n.cfg.Metrics == "" {
		return nil
	}
	if n.metrics, err = listenMetrics(n.cfg.Metrics, n.registry); err != nil {
		return err
	}
	n.onClose(func() error { n.metrics.listener.Close(); return nil })
	n.addPart("metrics", n.metrics.Run)
	return nil
}

// whenServing is run once the host answers the shard protocol; for a node that
// keeps nothing, at once. Peers learn what a node speaks when it connects, so
// it calls nobody before that.
func (n *Node) whenServing(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		sub, err := n.host.EventBus().Subscribe(new(event.EvtLocalProtocolsUpdated), eventbus.BufSize(16))
		if err != nil {
			return fmt.Errorf("host events: %w", err)
		}
		defer sub.Close()
		for n.store != nil && !n.serves() {
			select {
			case <-ctx.Done():
				return nil
			case <-sub.Out():
			}
		}
		return run(ctx)
	}
}

func (n *Node) serves() bool {
	for _, p := range n.host.Mux().Protocols() {
		if p == exchange.ProtocolID(n.cfg.Mesh) {
			return true
		}
	}
	return false
}

// stored is told of every shard that was committed here, and announces its
// file. It only queues.
func (n *Node) stored(l shard.Locator) {
	n.events.publish(Event{Type: EventStored, Locator: l.String()})
	n.announce(l)
}

// announced is the store as others reach it: what they delete is announced no
// more, and who becomes a host of a file is its keeper no more.
type announced struct {
	*store.Store
	table  *kad.Table
	keeper *keeper.Keeper
}

// Receive takes a shard in. A keeper is asked only when nobody else can take it,
// and gives way: with the manifest it could make up proofs from other hosts' bytes.
func (a *announced) Receive(ctx context.Context, lot shard.Lot, ready func(int64) (io.Reader, error)) (time.Time, error) {
	if err := a.keeper.Resign(lot.Grant); err != nil {
		return time.Time{}, err
	}
	return a.Store.Receive(ctx, lot, ready)
}

// Delete drops a file and the renewal of its record.
func (a *announced) Delete(grant shard.Grant) (int, error) {
	count, err := a.Store.Delete(grant)
	if err == nil {
		a.table.Withdraw(grant.Locator)
	}
	return count, err
}
