package transfer

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
)

// Finder knows peers. The routing layer and the peer cache are behind it.
type Finder interface {
	// Candidates yields peers that may take shards, the likeliest first. It ends
	// by itself within seconds.
	Candidates(ctx context.Context) iter.Seq[peer.AddrInfo]
	// Find yields hosts that announced a file, as they are found.
	Find(ctx context.Context, file shard.Locator) iter.Seq[peer.AddrInfo]
	// FindPeer returns the addresses at which a peer is now.
	FindPeer(ctx context.Context, id peer.ID) (peer.AddrInfo, error)
}

// Config is what an [Engine] works with. Host, Client, Finder, Mesh and the two
// folders are needed.
type Config struct {
	Host      host.Host
	Client    *exchange.Client
	Finder    Finder
	Mesh      string
	Seed      shard.Seed
	Journal   string // folder of unfinished puts, and of what a leaving host has handed on
	Manifests string // folder of the owner's manifests
	Budget    int    // bytes of buffers of one put or full audit; 0 = [DefaultBudget]
	Logger    *slog.Logger
	Trace     func(Trace) // is told of the steps of puts; it must not block. Nil: nobody

	// Members tells of peers without asking them. Nil: nothing is known.
	Members Members
	// Keepers returns the peers that keep a file, for [Engine.Remove] to tell
	// them and [Engine.Repair] to spare them. Nil: Remove tells those that
	// announced themselves.
	Keepers func(ctx context.Context, m *shard.Manifest) []peer.ID
	// Serves says that this node is a host, and that its Host reaches it, too: the
	// shards it has of the owner's other machines count like those of all hosts.
	Serves bool
}

// DefaultBudget is how many bytes of segment buffers a put works with: two
// segments of scheme 8+12.
const DefaultBudget = 80 << 20

// Engine moves whole files and keeps them alive. It is safe for concurrent use;
// each call takes its own buffers.
type Engine struct {
	cfg     Config
	log     *slog.Logger
	mu      sync.Mutex
	claimed map[string]chan struct{} // journals that a put works on; closed when it lets go
	rename  sync.Mutex               // held while a manifest is replaced or goes

	unremoved sync.Mutex // held while what is left of a remove is written

	confirmEvery    time.Duration // see the constant
	confirmPatience time.Duration // how long a put waits for hosts that it cannot reach in the end
	confirmFloor    time.Duration // see the constant
}

// New returns an engine; it starts nothing.
func New(cfg Config) *Engine {
	if cfg.Budget == 0 {
		cfg.Budget = DefaultBudget
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Engine{cfg: cfg, log: cfg.Logger, claimed: map[string]chan struct{}{}, confirmEvery: confirmEvery, confirmPatience: patience, confirmFloor: confirmFloor}
}

// Progress tells how far a call has come. Within a phase Done never goes back,
// and in a put not at all once "put" has begun. The phases, and what Done counts:
//
//	find      hosts are looked for: nothing yet
//	put       bytes of the file under receipt
//	confirm   … all: the hosts confirm them, and what they do not is sent again
//	get       bytes written
//	audit     hosts; bytes read where a host is read whole
//	repair    sealed bytes of the segments that were due
//	evacuate  bytes of shards sent
//	remove    hosts that were told
type Progress struct {
	Phase string
	Done  int64
	Total int64  // -1 while unknown
	Note  string // what a person should know: a slow host was replaced, say
}

// apart is a peer that is not asked for shards: this node, when it is no host.
func (e *Engine) apart() peer.ID {
	if e.cfg.Serves {
		return ""
	}
	return e.cfg.Host.ID()
}

// remember adds address hints of peers that are about to be dialled.
func (e *Engine) remember(peers ...peer.AddrInfo) {
	for _, p := range peers {
		e.cfg.Host.Peerstore().AddAddrs(p.ID, p.Addrs, hintTime)
	}
}

// hintTime is how long address hints are kept: longer than most gets take.
const hintTime = 12 * time.Hour

// connectTimeout bounds one dial; a peer that needs longer is as good as dead
// while others wait.
const connectTimeout = 5 * time.Second

// connect sees to a connection to p: by the addresses known, and when they are
// stale by those that the routing layer finds.
func (e *Engine) connect(ctx context.Context, p peer.ID) error {
	if n, ok := e.cfg.Host.Network().(interface{ Backoff() *swarm.DialBackoff }); ok {
		n.Backoff().Clear(p) // how often to try is for the caller to say
	}
	dial, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	err := e.cfg.Host.Connect(dial, peer.AddrInfo{ID: p})
	if err == nil || ctx.Err() != nil {
		return err
	}
	look, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	info, findErr := e.cfg.Finder.FindPeer(look, p)
	if findErr != nil || len(info.Addrs) == 0 {
		return err
	}
	return e.cfg.Host.Connect(look, info)
}
