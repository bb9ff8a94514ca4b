package devices

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/gossip/replica"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/catalogue"
)

// List is the owner's list of files as it is durable on this device;
// [catalogue.Catalogue] is one, and says what each method does.
type List interface {
	Known(files ...shard.FileID) (map[shard.FileID]catalogue.Known, error)
	Manifest(file shard.FileID) (*os.File, error)
	Deposit(file shard.FileID, added time.Time, manifest io.Reader) error
	Enter(files ...catalogue.Entry) (gone []shard.FileID, err error)
	Bury(files ...shard.FileID) error
}

// Member is another node of the mesh that lives, as gossip has it.
type Member struct {
	Peer peer.ID
	Mark []byte // what it says under [MarkKey]; nil: nothing
}

// Config is what [Devices] work with. All but Logger is needed.
type Config struct {
	Host    host.Host
	Mesh    string
	Key     shard.DevicesKey
	Path    string // of the replica's file
	List    List
	Drop    func(file shard.FileID) error // removes the manifest of a deleted file
	Members func() []Member               // must not block
	Logger  *slog.Logger                  // nil: discard
}

// MarkKey is the key under which a node says its mark by gossip.
const MarkKey = "kin"

// Devices are the machines of one owner, seen from one of them. It is safe for
// concurrent use.
type Devices struct {
	cfg  Config
	key  key
	log  *slog.Logger
	mark []byte

	files   *replica.Set
	replica *replica.Replica
	look    chan struct{} // somebody may have come
	work    chan struct{} // the list may have changed
	jobs    sync.WaitGroup

	mu       sync.Mutex
	ctx      context.Context // of Run; nil: it does not run
	sessions map[peer.ID]*session
	known    map[peer.ID]bool // devices that were met, ever as far as the list tells
	marked   map[peer.ID]bool // members with a mark of ours
	guests   map[peer.ID]int  // streams that each has open here
	unproven int              // … of those who are not marked and have not proved themselves
}

// New returns the devices of an owner. It touches nothing before [Devices.Run].
func New(cfg Config) *Devices {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	k := key(cfg.Key)
	return &Devices{
		cfg: cfg, key: k, log: cfg.Logger, mark: k.mark(cfg.Host.ID()),
		look: make(chan struct{}, 1), work: make(chan struct{}, 1),
		sessions: map[peer.ID]*session{}, known: map[peer.ID]bool{}, marked: map[peer.ID]bool{}, guests: map[peer.ID]int{},
	}
}

// Mark is what this device says under [MarkKey]: another in every run, and of no
// meaning to anybody without the key.
func (d *Devices) Mark() []byte { return d.mark }

// Look is called when gossip tells something new of members. It does not block.
func (d *Devices) Look() { poke(d.look) }

// Changed is called when the list at home has changed. It does not block.
func (d *Devices) Changed() { poke(d.work) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Seen counts the other devices that this one shares the list with now.
func (d *Devices) Seen() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.sessions)
}

// Met reports whether a peer is a device as far as is known: one that says a
// mark of ours, has proved itself in this run, or has written to the list. It does not block.
func (d *Devices) Met(p peer.ID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[p] || d.marked[p]
}

// Run finds the other devices and keeps the list equal with theirs until ctx ends,
// and waits for all that it began. It runs once. It ends earlier only when the
// replica cannot be made at all.
func (d *Devices) Run(ctx context.Context) error {
	if err := d.open(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("devices: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	d.mu.Lock()
	d.ctx = ctx
	d.mu.Unlock()
	d.cfg.Host.SetStreamHandler(ProtocolID(d.cfg.Mesh), d.handle)
	changes := d.files.Watch(ctx)
	group.Go(func() error {
		for range changes {
			d.Changed()
		}
		return nil
	})
	group.Go(func() error { d.meet(ctx); return nil })
	group.Go(func() error { d.keep(ctx); return nil })
	_ = group.Wait() // nil: all of them end with ctx
	d.cfg.Host.RemoveStreamHandler(ProtocolID(d.cfg.Mesh))
	d.mu.Lock()
	d.ctx = nil
	d.mu.Unlock()
	d.jobs.Wait()
	return d.replica.Close()
}

// begin counts a job that Run waits for, unless it has ended.
func (d *Devices) begin() (context.Context, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx == nil || d.ctx.Err() != nil {
		return nil, false
	}
	d.jobs.Add(1)
	return d.ctx, true
}
