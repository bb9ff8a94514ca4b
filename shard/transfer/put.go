package transfer

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// PutOptions say how a file is put. The zero value means: a scheme by the
// number of hosts, leases of [shard.LeaseDefault], any hosts.
type PutOptions struct {
	Scheme     shard.Scheme
	Durability shard.Durability
	Hosts      []peer.AddrInfo // only these
	Colocate   bool            // several shards of a segment may share a host
	Lease      time.Duration
	Expires    time.Time // when the owner lets the file go; zero: never. No lease goes beyond it
	Bandwidth  int64     // bytes a second, 0 = no limit
	Copy       string    // another place for the manifest, "" = none
}

// PutResult tells what a put did.
type PutResult struct {
	File      shard.FileID
	Name      string
	Size      int64
	Manifest  string // path
	Scheme    shard.Scheme
	Hosts     int
	Segments  int
	Sent      int64     // shard bytes on the wire
	Silent    []peer.ID // hosts that were given up because they did not answer
	Warnings  []string  // what a person should know though nothing failed
	Shortfall string    // why the file is less safe than it should be, "" if it is not
}

// put is one put under way.
type put struct {
	e        *Engine
	source   Source
	opts     PutOptions
	in       *input
	journal  *journal
	scheme   shard.Scheme
	coder    *shard.Coder
	sealer   *shard.Sealer
	grant    wire.Signed
	digest   shard.Digest
	repair   ed25519.PrivateKey
	roster   *roster
	limit    *rate.Limiter
	slots    chan struct{} // transfers that share the limit; nil without one
	sent     *counter      // shard bytes on the wire
	safe     *safety       // bytes under receipt
	stale    bool          // receipts of an earlier try are offered again
	report   func(Progress)
	known    int
	refused  map[string]int
	warnings []string
	mu       sync.Mutex
	traced   map[string]bool  // steps that were told, with the host
	missing  string           // why the file falls short, the first reason
	kept     map[peer.ID]kept // what hosts confirmed; nil before they were asked
	times    []time.Duration  // that they took
}

// Put encrypts, encodes and places a file. It returns once every segment is
// under receipt by enough hosts, and they have confirmed that; until then its
// journal is kept, and the same Put goes on where this one stopped. Errors:
// [*ShortError], [ErrChanged], [ErrPutBusy], those of reading the source,
// wire.ErrBadRequest for a file that expires before it is there.
func (e *Engine) Put(ctx context.Context, source Source, opts PutOptions, report func(Progress)) (PutResult, error) {
	in, err := openSource(source)
	if err != nil {
		return PutResult{}, err
	}
	defer in.close()
	path := journalPath(e.cfg.Journal, e.cfg.Mesh, source.key())
	release, err := e.claim(ctx, path)
	if err != nil {
		return PutResult{}, err
	}
	defer release()
	j, err := openJournal(path)
	if err != nil {
		return PutResult{}, err
	}
	p := &put{e: e, source: source, opts: opts, in: in, journal: j, sent: &counter{}, report: report, refused: map[string]int{}, traced: map[string]bool{}}
	result, err := p.run(ctx)
	if err == nil {
		return result, j.remove()
	}
	return PutResult{}, errors.Join(err, j.close())
}

func (s Source) key() string {
	if s.Path != "" {
		return s.Path
	}
	return "-" + s.Name
}

// claimTime is how long a put waits for one that was interrupted to let go.
const claimTime = 3 * time.Second

// claim makes sure that one put at a time works on a journal.
func (e *Engine) claim(ctx context.Context, path string) (release func(), err error) {
	patience, cancel := context.WithTimeout(ctx, claimTime)
	defer cancel()
	for {
		e.mu.Lock()
		held := e.claimed[path]
		if held == nil {
			e.claimed[path] = make(chan struct{})
			e.mu.Unlock()
			return func() { e.release(path) }, nil
		}
		e.mu.Unlock()
		select {
		case <-held:
		case <-patience.Done():
			return nil, cmp.Or(context.Cause(ctx), ErrPutBusy)
		}
	}
}

func (e *Engine) release(path string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.claimed[path])
	delete(e.claimed, path)
}

func (p *put) run(ctx context.Context) (PutResult, error) {
	if err := p.prepare(ctx); err != nil {
		return PutResult{}, err
	}
	count, private, err := p.move(ctx)
	if err != nil {
		return PutResult{}, err
	}
	hosts, manifest, err := p.writeManifest(count, private)
	if err != nil {
		return PutResult{}, err
	}
	return PutResult{
		File: private.File, Name: private.Name, Size: private.Size, Manifest: manifest, Scheme: p.scheme,
		Hosts: hosts, Segments: count, Sent: p.sent.total(), Silent: p.roster.allSilent(),
		Warnings: p.warnings, Shortfall: p.missing,
	}, nil
}

// ManifestPath is where the engine keeps the manifest of a file.
func (e *Engine) ManifestPath(file shard.FileID) string {
	return filepath.Join(e.cfg.Manifests, file.String()+".batchain")
}
