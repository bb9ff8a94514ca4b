package catalogue

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
)

// ErrNothing means that no page was found under the seed: the words are others,
// the mesh is another, or its hosts cannot be reached now.
var ErrNothing = errors.New("nothing is found under this seed: wrong words, another mesh, or its hosts cannot be reached")

// ErrNobody means that no host took what was to be published.
var ErrNobody = errors.New("no host took the catalogue")

// ErrNotOurs means that a manifest belongs to another owner or mesh, or cannot
// read its file.
var ErrNotOurs = errors.New("not a manifest of this owner's")

// ErrNewer means that a newer version of batchain wrote the state or a page.
var ErrNewer = errors.New("catalogue is of a newer version")

// Client leaves notes at hosts; [exchange.Client] fits.
type Client interface {
	PutNote(ctx context.Context, p peer.ID, n shard.SignedNote, terms shard.Note) (shard.NoteReceipt, error)
	Notes(ctx context.Context, p peer.ID, l shard.Locator) ([]shard.SignedNote, error)
}

var _ Client = (*exchange.Client)(nil)

// Finder knows peers.
type Finder interface {
	// Candidates yields peers that may keep notes. It ends by itself within seconds.
	Candidates(ctx context.Context) iter.Seq[peer.AddrInfo]
	// Find yields hosts that announced a locator, as they are found.
	Find(ctx context.Context, l shard.Locator) iter.Seq[peer.AddrInfo]
}

// Putter moves whole files: manifests that are too large for a note.
type Putter interface {
	// Put stores size bytes as a file of the owner's, until a time or, if that
	// is zero, for good. It returns the path of its manifest, which lies in
	// [Config].Manifests.
	Put(ctx context.Context, name string, content io.Reader, size int64, until time.Time) (manifest string, err error)
	// Get writes the content of a manifest's file.
	Get(ctx context.Context, manifest string, to io.Writer) error
}

// Config is what a [Catalogue] works with. All but HostTime, Now and Logger is
// needed.
type Config struct {
	Dir       string // folder of the state
	Manifests string // folder of the owner's manifests
	Seed      shard.Seed
	Self      peer.ID // this device; it is never asked
	Mesh      string
	Client    Client
	Finder    Finder
	Connect   func(ctx context.Context, p peer.AddrInfo) error
	Putter    Putter
	HostTime  time.Duration // for all that is asked of one host at once; 0: 20 s
	Now       func() time.Time
	Logger    *slog.Logger
}

// Catalogue is the owner's list of files, at home and on the mesh. It is safe
// for concurrent use by one process.
type Catalogue struct {
	cfg     Config
	log     *slog.Logger
	writer  uint32
	working chan struct{} // held by the one call that talks to the mesh
	changed chan struct{} // wakes Run

	seq, seqEnd uint64 // last one used, last one that may be; for the one call

	steady shard.SteadyClock
	ticks  func() time.Duration // as a clock that nobody sets; tests set it

	mu    sync.Mutex
	state *state
}

// New reads the state in cfg.Dir, and enters the manifests at home that it
// lacks. Where there is no state, or it is damaged or of another seed, it is made
// from them alone. Errors: [ErrNewer], those of reading and writing.
func New(cfg Config) (*Catalogue, error) {
	cfg.HostTime = cmp.Or(cfg.HostTime, hostTime)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Catalogue{
		cfg: cfg, log: cfg.Logger, writer: Writer(cfg.Self), working: make(chan struct{}, 1), changed: make(chan struct{}, 1),
		ticks: shard.Ticks(), state: &state{},
	}
	c.steady.Observe(cfg.Now(), c.ticks())
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	return c, c.adopt()
}

// load reads the state. One that is of no use is set aside.
func (c *Catalogue) load() error {
	s, err := readState(c.statePath())
	switch {
	case err == nil && s.Owner != nil && !bytes.Equal(s.Owner, c.owner()):
		c.log.Warn("the catalogue's state is another owner's; it is set aside")
		return os.Rename(c.statePath(), fmt.Sprintf("%s.of-%x", c.statePath(), s.Owner))
	case err == nil:
		c.state = s
		return nil
	case errors.Is(err, errDamaged):
		c.log.Warn("the catalogue's state is damaged; it is made again", "err", err)
		return os.Rename(c.statePath(), c.statePath()+".damaged")
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	return nil
}

// owner tells this seed's state from that of another seed, and nothing else.
func (c *Catalogue) owner() []byte {
	sum := blake3.Sum256(append([]byte("batchain/catalogue-state"), c.cfg.Seed[:]...))
	return sum[:ownerSize]
}

// stateFile is the state's name in [Config].Dir.
const stateFile = "catalogue.state"

func (c *Catalogue) statePath() string { return filepath.Join(c.cfg.Dir, stateFile) }

func (c *Catalogue) manifestPath(id shard.FileID) string {
	return filepath.Join(c.cfg.Manifests, id.String()+manifestSuffix)
}

const manifestSuffix = ".batchain"

// Add enters the file of a manifest of the owner's, which must lie in
// [Config].Manifests. It is durable at home when Add returns, and comes to the
// mesh by [Catalogue.Publish]. Errors: [ErrNotOurs], [shard.ErrManifest].
func (c *Catalogue) Add(manifest string) error {
	m, err := c.readManifest(manifest)
	if err != nil {
		return fmt.Errorf("catalogue: %w", err)
	}
	defer c.wake()
	return c.change(func(s *state) { s.add(row{File: m.file, Added: c.cfg.Now().Unix(), Until: m.until}) })
}

// Remove notes that the owner has deleted a file, for good. It is durable at
// home when Remove returns. It returns the files that only served this one and
// that the caller is to delete as well; they are noted as deleted too.
func (c *Catalogue) Remove(id shard.FileID) (with []shard.FileID, err error) {
	defer c.wake()
	err = c.change(func(s *state) {
		with = s.serving(id)
		for _, gone := range append(with, id) {
			s.bury(gone, c.cfg.Now().Unix())
		}
	})
	return with, err
}

// Entry is one file of the owner's.
type Entry struct {
	File  shard.FileID
	Added time.Time
	Of    shard.FileID // not zero: it only holds the manifest of that file, and is shown to nobody
}

// Pages returns how many pages the catalogue has, see [shard.Seed.CatalogueID].
func (c *Catalogue) Pages() int { return len(c.look().Pages) }

// Files returns the files that are not deleted and whose time has not passed,
// in no order.
func (c *Catalogue) Files() []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Entry
	for _, p := range c.state.Pages {
		for _, r := range p.Rows {
			if r.Gone == 0 && !over(r.Until, c.cfg.Now()) {
				all = append(all, Entry{File: r.File, Added: time.Unix(r.Added, 0), Of: r.Of})
			}
		}
	}
	return all
}

// change alters a copy of the state, and takes it over once it is on the disk.
func (c *Catalogue) change(alter func(*state)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.state.clone()
	next.Owner = c.owner()
	alter(next)
	if err := next.write(c.statePath()); err != nil {
		return fmt.Errorf("catalogue: %w", err)
	}
	c.state = next
	return nil
}

// look returns a copy of the state.
func (c *Catalogue) look() *state {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.clone()
}

// wake lets Run look at once whether there is something to do.
func (c *Catalogue) wake() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// begin waits until no other call talks to the mesh.
func (c *Catalogue) begin(ctx context.Context) (end func(), err error) {
	select {
	case c.working <- struct{}{}:
		return func() { <-c.working }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
