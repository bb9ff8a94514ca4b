package kad

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/namespace"
	dssync "github.com/ipfs/go-datastore/sync"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p-kad-dht/records"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/shard"
)

// Config says what a [Table] works with. Host and Mesh must be set.
type Config struct {
	// Host is the node's libp2p host. The Table never closes it.
	Host host.Host

	// Mesh is the name of the mesh, [a-z0-9-]{1,32}; tables of different meshes
	// never meet, on the wire or in a shared Datastore.
	Mesh string

	// Server tells whether others may ask this node and keep it in their
	// tables: true when a peer could dial us. It is fixed for the Table's life.
	Server bool

	// Datastore keeps the records of others and the state of announcing across
	// restarts; nil keeps them in memory. It must outlive the Table. While it
	// refuses to write, announcing waits and new records of others are lost.
	Datastore datastore.Batching

	// Bootstrap returns peers that may let us in: configured ones and those
	// known from earlier. It is called from Run before every round; nil and none
	// are fine, others may connect to us.
	Bootstrap func() []peer.AddrInfo

	// Locators returns what this node holds and so announces, in any order. Run
	// reads it at its start and once every AnnounceInterval: locators not
	// announced yet are, those no longer listed stop. With nil only Provide and
	// Withdraw count.
	Locators func(ctx context.Context) iter.Seq2[shard.Locator, error]

	// Logger receives what happens; nil discards it.
	Logger *slog.Logger
}

// Table is one node's view of the mesh. Its methods may be called by many
// goroutines at once, from New on until Close.
type Table struct {
	host      *lookupHost
	dht       *dht.IpfsDHT
	proto     protocol.ID
	store     datastore.Batching
	ownsStore bool
	log       *slog.Logger
	bootstrap func() []peer.AddrInfo
	locators  func(ctx context.Context) iter.Seq2[shard.Locator, error]
	pending   *pending

	// within bounds a lookup in time and by the life of the Table.
	within func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
	end    context.CancelFunc
	closed func() error
}

// New returns a Table that answers and may be asked. Call Run to join the mesh
// and to announce, or Close to give it up.
func New(cfg Config) (*Table, error) {
	if cfg.Host == nil {
		return nil, errors.New("kad: no host")
	}
	if cfg.Mesh == "" || strings.Contains(cfg.Mesh, "/") {
		return nil, fmt.Errorf("kad: mesh name %q", cfg.Mesh)
	}
	t := &Table{
		host:      newLookupHost(cfg.Host),
		proto:     protocol.ID("/batchain/" + cfg.Mesh + "/kad/1.0.0"),
		log:       cfg.Logger,
		bootstrap: cfg.Bootstrap,
		locators:  cfg.Locators,
		pending:   newPending(),
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	if cfg.Datastore == nil {
		t.ownsStore = true
		cfg.Datastore = dssync.MutexWrap(datastore.NewMapDatastore())
	}
	t.store = namespace.Wrap(cfg.Datastore, datastore.NewKey(cfg.Mesh))
	kept, err := newBounded(context.Background(), namespace.Wrap(t.store, datastore.NewKey("dht")), t.host.ID(),
		limits{all: maxRecords, ofPeer: maxRecordsOfPeer}, t.log)
	if err != nil {
		t.host.close()
		return nil, fmt.Errorf("kad %s: %w", cfg.Mesh, err)
	}
	table, err := dht.New(t.host, options(cfg, kept, t.host.shut)...)
	if err != nil {
		t.host.close()
		return nil, fmt.Errorf("kad %s: %w", cfg.Mesh, err)
	}
	t.dht = table
	life, end := context.WithCancel(context.Background())
	t.end = end
	t.within = func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithTimeout(ctx, d)
		stop := context.AfterFunc(life, cancel)
		return ctx, func() { stop(); cancel() }
	}
	t.closed = sync.OnceValue(t.close)
	return t, nil
}

func options(cfg Config, store datastore.Batching, shut *penalties) []dht.Option {
	mode := dht.ModeClient
	if cfg.Server {
		mode = dht.ModeServer
	}
	return []dht.Option{
		dht.Mode(mode),
		dht.ProtocolPrefix(protocol.ID("/batchain/" + cfg.Mesh)),
		dht.Datastore(store),
		dht.DisableValues(),
		dht.BucketSize(BucketSize),
		dht.Concurrency(Concurrency),
		dht.Resiliency(Resiliency),
		dht.RoutingTableRefreshPeriod(refreshInterval),
		dht.RoutingTableRefreshQueryTimeout(LookupTimeout),
		dht.ProviderManagerOpts(records.ProvideValidity(RecordValidity)),
		dht.WithCustomMessageSender(func(h host.Host, protos []protocol.ID) pb.MessageSenderWithDisconnect {
			return &sender{host: h, protos: protos, shut: shut}
		}),
	}
}

// Run joins the mesh and stays in it, announces, and keeps doing so until ctx
// ends; then everything is closed and Run returns nil. It may be called once.
func (t *Table) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { t.join(ctx); return nil })
	group.Go(func() error { return t.announce(ctx) })
	err := group.Wait()
	return errors.Join(err, t.Close())
}

// Close ends every lookup and releases what the Table holds. Run does it at its
// end; call it for a Table that was never run. It may be called again.
func (t *Table) Close() error { return t.closed() }

func (t *Table) close() error {
	t.end()
	t.host.close()
	err := t.livable(t.dht.Close())
	if t.ownsStore {
		err = errors.Join(err, t.store.Close())
	}
	if err != nil {
		return fmt.Errorf("kad close: %w", err)
	}
	return nil
}

// livable logs an error of the end that a full disk explains: what was not
// written is announced again, by us or by others.
func (t *Table) livable(err error) error {
	if errors.Is(err, ErrNoRoom) {
		t.log.Warn("not written at the end", "err", err)
		return nil
	}
	return err
}

// Size returns the number of servers in the routing table.
func (t *Table) Size() int { return t.dht.RoutingTable().Size() }
