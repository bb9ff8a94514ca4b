package labour

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/work/exec"
	"github.com/batchain/batchain/work/hive"
)

// Config is what a [Labour] needs. Dir, Host and Mesh must be set.
type Config struct {
	Dir  string // of all that is kept; made when it is needed
	Host host.Host
	Mesh string
	// Client is a node for the length of one command: projects can be looked at
	// and made, and nobody works on them.
	Client bool
	// Owner returns the key of this node's person for a hive; nil: nobody is named.
	Owner func(hive peer.ID) (ed25519.PrivateKey, error)
	// Offers returns the hives that say they have work; nil: none are known.
	Offers func() []peer.ID
	// Files are the mesh's; nil: there are none.
	Files Files
	// Closed, Allow, Deny and Proof (its Strength) are the hive's, see [hive.Config].
	Closed      bool
	Allow, Deny []peer.ID
	Proof       int
	// Changed, when not nil, is told that [Labour.Offer] or [Labour.Volunteers]
	// may say something new. It must not block.
	Changed    func()
	Logger     *slog.Logger          // nil: discard
	Registerer prometheus.Registerer // nil: no metrics
}

// Files has the files of the mesh.
type Files interface {
	// Manifest returns what reads one of the owner's files, found by its REF, and
	// the size of the file in bytes.
	Manifest(ref string) (manifest []byte, size int64, err error)
	// Fetch brings the file of the manifest at a path to another path, verified; or
	// refuses one of more bytes than most.
	Fetch(ctx context.Context, manifest, to string, most int64) error
	// Put makes a file of the owner's, and returns its id.
	Put(ctx context.Context, name string, content io.Reader) (id string, err error)
}

// Labour is a node's hive and its bees. Its methods may be called from any
// goroutine; those that need a hive wait for [Labour.Run].
type Labour struct {
	cfg   Config
	log   *slog.Logger
	asked chan request
	wake  chan struct{} // holds one: Run is to look again
	ended chan struct{} // closed when Run has ended
	cache *cache
	saved *checkpoints

	making sync.Mutex // held while a project is made

	mu       sync.Mutex
	hive     *hive.Hive // nil until there is a project
	projects map[string]*project
	wish     Wish
	bees     map[peer.ID]*worker // only Run starts and drops them
	pool     *pool               // nil until there is a bee
}

var _ control.Labour = (*Labour)(nil)

// New reads what the node is to do and does nothing else.
func New(cfg Config) (*Labour, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Labour{
		cfg: cfg, log: cfg.Logger, asked: make(chan request), wake: make(chan struct{}, 1), ended: make(chan struct{}),
		projects: map[string]*project{}, bees: map[peer.ID]*worker{},
	}
	l.cache = &cache{dir: l.filesDir(), mesh: cfg.Files}
	l.saved = &checkpoints{dir: filepath.Join(cfg.Dir, "checkpoints"), log: cfg.Logger}
	var err error
	l.wish, err = loadWish(l.wishFile())
	return l, err
}

func (l *Labour) hiveDir() string     { return filepath.Join(l.cfg.Dir, "hive") }
func (l *Labour) projectsDir() string { return filepath.Join(l.cfg.Dir, "projects") }
func (l *Labour) execDir() string     { return filepath.Join(l.cfg.Dir, "exec") }
func (l *Labour) filesDir() string    { return filepath.Join(l.cfg.Dir, "files") }
func (l *Labour) wishFile() string    { return filepath.Join(l.cfg.Dir, "volunteer.json") }

// lookEvery is how often a volunteer looks for hives that it was not told of.
const lookEvery = 5 * time.Second

// Run works until ctx ends. It returns early, with the error, when the hive
// cannot go on.
func (l *Labour) Run(ctx context.Context) error {
	defer close(l.ended)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	if l.hasProjects() && !l.cfg.Client {
		if err := l.openHive(ctx, group); err != nil {
			cancel()
			return errors.Join(err, group.Wait())
		}
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for ctx.Err() == nil {
		if !l.cfg.Client {
			l.tend(ctx, group)
		}
		select {
		case <-ctx.Done():
		case r := <-l.asked:
			r.reply <- l.do(ctx, group, r)
		case <-l.wake:
		case <-look.C:
		}
	}
	err := group.Wait()
	return errors.Join(err, l.closePool())
}

// Look makes Run look for hives at once, since they may offer something else.
func (l *Labour) Look() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *Labour) changed() {
	if l.cfg.Changed != nil {
		l.cfg.Changed()
	}
}

func (l *Labour) hasProjects() bool {
	entries, err := os.ReadDir(l.projectsDir())
	return err == nil && len(entries) > 0
}

// request asks Run to open the hive, and to begin a project.
type request struct {
	begin *project // nil: none
	reply chan error
}

func (l *Labour) do(ctx context.Context, group *errgroup.Group, r request) error {
	err := l.openHive(ctx, group)
	if err == nil && r.begin != nil {
		err = l.begin(ctx, l.current(), group, r.begin)
	}
	return err
}

// ask has Run do something.
func (l *Labour) ask(ctx context.Context, r request) error {
	r.reply = make(chan error, 1)
	select {
	case l.asked <- r:
	case <-l.ended:
		return hive.ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-r.reply:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// opened returns the hive, and opens it first if it has to.
func (l *Labour) opened(ctx context.Context) (*hive.Hive, error) {
	if h := l.current(); h != nil {
		return h, nil
	}
	err := l.ask(ctx, request{})
	return l.current(), err
}

func (l *Labour) current() *hive.Hive {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hive
}

// Layers tells which walls of the sandbox stand on this machine.
func Layers() []exec.Layer { return exec.Layers() }
