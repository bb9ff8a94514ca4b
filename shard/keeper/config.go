package keeper

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"io"
	"iter"
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/transfer"
	"github.com/batchain/batchain/wire"
)

// Engine works on one file by its manifest; [transfer.Engine] fits.
type Engine interface {
	Audit(ctx context.Context, manifest string, opts transfer.AuditOptions, report func(transfer.Progress)) (transfer.AuditResult, error)
	Repair(ctx context.Context, manifest string, opts transfer.RepairOptions, report func(transfer.Progress)) (transfer.RepairResult, error)
	Renew(ctx context.Context, manifest string, lease time.Duration) (hosts, shards int, err error)
}

// Finder knows peers, as in package transfer.
type Finder interface {
	// Candidates yields peers that may take a charge, the likeliest first. It
	// ends by itself within seconds.
	Candidates(ctx context.Context) iter.Seq[peer.AddrInfo]
	// Find yields peers that announced a locator, as they are found.
	Find(ctx context.Context, l shard.Locator) iter.Seq[peer.AddrInfo]
	// FindPeer returns the addresses at which a peer is now.
	FindPeer(ctx context.Context, id peer.ID) (peer.AddrInfo, error)
}

// Client asks one peer; [exchange.Client] fits.
type Client interface {
	Keep(ctx context.Context, p peer.ID, c shard.Charge, manifest io.Reader) error
	Turn(ctx context.Context, p peer.ID, grant, order wire.Signed) (shard.Turn, error)
	Renew(ctx context.Context, p peer.ID, grant, order wire.Signed) (receipts []wire.Signed, next []byte, err error)
	Notes(ctx context.Context, p peer.ID, l shard.Locator) ([]shard.SignedNote, error)
	PutNote(ctx context.Context, p peer.ID, n shard.SignedNote, terms shard.Note) (shard.NoteReceipt, error)
}

var (
	_ Engine          = (*transfer.Engine)(nil)
	_ Client          = (*exchange.Client)(nil)
	_ exchange.Keeper = (*Keeper)(nil)
)

// Config is what a [Keeper] works with. Dir, Host, Client, Engine, Finder and
// Mesh are needed.
type Config struct {
	Dir    string // where charges lie; made, 0700
	Host   host.Host
	Client Client
	Engine Engine
	Finder Finder
	Mesh   string

	Announce func(shard.Locator)      // a charge came: see [shard.Locator.Keepers]; may be nil
	Withdraw func(shard.Locator)      // a charge went; may be nil
	Holds    func(shard.Locator) bool // whether this node is a host of the file; nil: of none
	Own      func() []string          // paths of the owner's own manifests; may be nil
	Silent   func(peer.ID) bool       // who stopped answering a moment ago, and is not asked; nil: nobody

	// Members tells who is said to be gone: such a keeper is called twice a day
	// only, and others are asked first to become keepers. Nil: nobody is.
	Members transfer.Members

	Limits     Limits
	Now        func() time.Time // the wall clock; nil: time.Now
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Limits bounds what is kept for others. Zero fields are the defaults.
type Limits struct {
	Files     int   // 16384
	Bytes     int64 // of manifests; 1 GiB
	PeerFiles int   // brought by one peer; 2048
	PeerBytes int64 // … their manifests; 256 MiB
}

// networkPeers is for how many peers one network may bring charges, up to half
// of all: a peer id costs nothing.
const networkPeers = 4

func (l Limits) networkFiles() int { return max(l.PeerFiles, min(networkPeers*l.PeerFiles, l.Files/2)) }

func (l Limits) networkBytes() int64 {
	return max(l.PeerBytes, min(networkPeers*l.PeerBytes, l.Bytes/2))
}

func (l Limits) withDefaults() Limits {
	l.Files = cmp.Or(l.Files, 16384)
	l.Bytes = cmp.Or(l.Bytes, 1<<30)
	l.PeerFiles = cmp.Or(l.PeerFiles, 2048)
	l.PeerBytes = cmp.Or(l.PeerBytes, 256<<20)
	return l
}

func (c Config) withDefaults() Config {
	c.Limits = c.Limits.withDefaults()
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Silent == nil {
		c.Silent = func(peer.ID) bool { return false }
	}
	if c.Announce == nil {
		c.Announce = func(shard.Locator) {}
	}
	if c.Withdraw == nil {
		c.Withdraw = func(shard.Locator) {}
	}
	if c.Holds == nil {
		c.Holds = func(shard.Locator) bool { return false }
	}
	if c.Members == nil {
		c.Members = nobody{}
	}
	if c.Own == nil {
		c.Own = func() []string { return nil }
	}
	return c
}

// nobody is known to it.
type nobody struct{}

// Standing says that nothing is known.
func (nobody) Standing(peer.ID) transfer.Standing { return transfer.Standing{Free: -1} }

// owner names an owner of one file: the grant's admin key. Whoever has another
// key can neither take a file's place here nor forget it.
type owner [ed25519.PublicKeySize]byte

func ownerOf(g shard.Grant) owner { return owner(g.Admin) }
