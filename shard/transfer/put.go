package transfer

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"
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
	Bandwidth  int64  // bytes a second, 0 = no limit
	Copy       string // another place for the manifest, "" = none
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
	Sent      int64    // shard bytes on the wire
	Resumed   bool     // an earlier try was taken up
	Warnings  []string // what a person should know though nothing failed
	Shortfall string   // why the file is less safe than it should be, "" if it is not
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
	report   func(Progress)
	known    int
	refused  map[string]int
	warnings []string
	mu       sync.Mutex
	missing  string // why the file falls short, the first reason
}

// Put encrypts, encodes and places a file. It returns once every segment is
// under receipt by enough hosts; until then its journal is kept, and the same
// Put goes on where this one stopped. Errors: [*ShortError], [ErrChanged],
// [ErrPutBusy], those of reading the source.
func (e *Engine) Put(ctx context.Context, source Source, opts PutOptions, report func(Progress)) (PutResult, error) {
	in, err := openSource(source)
	if err != nil {
		return PutResult{}, err
	}
	defer in.close()
	path := journalPath(e.cfg.Journal, e.cfg.Mesh, source.key())
	release, err := e.claim(path)
	if err != nil {
		return PutResult{}, err
	}
	defer release()
	j, err := openJournal(path)
	if err != nil {
		return PutResult{}, err
	}
	p := &put{e: e, source: source, opts: opts, in: in, journal: j, sent: &counter{}, report: report, refused: map[string]int{}}
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

// claim makes sure that one put at a time works on a journal.
func (e *Engine) claim(path string) (release func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.claimed[path] {
		return nil, ErrPutBusy
	}
	e.claimed[path] = true
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.claimed, path)
	}, nil
}

func (p *put) run(ctx context.Context) (PutResult, error) {
	if err := p.prepare(ctx); err != nil {
		return PutResult{}, err
	}
	count, private, err := p.segments(ctx)
	if err != nil {
		return PutResult{}, err
	}
	if err := p.in.unchanged(p.source.Path); err != nil {
		return PutResult{}, err
	}
	hosts, manifest, err := p.writeManifest(count, private)
	if err != nil {
		return PutResult{}, err
	}
	return PutResult{
		File: private.File, Name: private.Name, Size: private.Size, Manifest: manifest, Scheme: p.scheme,
		Hosts: hosts, Segments: count, Sent: p.sent.total(), Resumed: p.journal.resumed,
		Warnings: p.warnings, Shortfall: p.missing,
	}, nil
}

// prepare settles scheme, keys and hosts.
func (p *put) prepare(ctx context.Context) error {
	if p.opts.Lease == 0 {
		p.opts.Lease = shard.LeaseDefault
	}
	wish, err := p.wishes()
	if err != nil {
		return err
	}
	p.report(Progress{Phase: "find", Total: -1})
	answers := p.e.gather(ctx, p.candidates, wish.perHost(wish.schemeFor(shard.ArchiveHosts), shard.ArchiveHosts), p.opts.Lease)
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	p.countRefusals(answers)
	scheme, hosts := wish.settle(answers)
	if err := p.begin(scheme, hosts, wish); err != nil {
		return err
	}
	return p.keys()
}

// wishes reads the options; a put that resumes keeps the scheme it began with.
// One that asks for another scheme, or whose first receipts will have run out
// half way through the lease, begins anew.
func (p *put) wishes() (wishes, error) {
	length, small, err := p.in.upTo(shard.SmallFile)
	if err != nil {
		return wishes{}, err
	}
	if small && p.in.size < 0 {
		p.in.size = int64(length)
	}
	w := wishes{scheme: p.opts.Scheme, durability: p.opts.Durability, colocate: p.opts.Colocate, small: small, size: p.in.size}
	j := p.journal
	other := w.scheme != shard.Scheme{} && w.scheme != j.start.scheme()
	if j.resumed && (other || !j.lasts(time.Now().Add(p.opts.Lease/2))) {
		if err := j.reset(); err != nil {
			return w, fmt.Errorf("journal: %w", err)
		}
	}
	if !j.resumed {
		w.file = shard.NewFileID()
		return w, nil
	}
	w.file, w.scheme = j.start.File, j.start.scheme()
	if w.size >= 0 {
		w.size = max(0, w.size-j.safe())
	}
	return w, nil
}

func (p *put) candidates(ctx context.Context) iter.Seq[peer.AddrInfo] {
	if len(p.opts.Hosts) > 0 {
		return slices.Values(p.opts.Hosts)
	}
	return p.e.cfg.Finder.Candidates(ctx)
}

func (p *put) countRefusals(answers []answer) {
	p.known = len(answers)
	for _, a := range answers {
		if !a.takes {
			p.refused[a.why]++
		}
	}
}

// begin checks that there are hosts enough, and makes the journal of a new put.
func (p *put) begin(scheme shard.Scheme, hosts []answer, wish wishes) error {
	need := scheme.Shards()
	if wish.colocate {
		need = 1
	}
	if len(hosts) == 0 || len(hosts) < need && !(p.journal.resumed && len(hosts) >= scheme.Data) {
		if scheme.Data == 0 {
			scheme, need = shard.Scheme{Data: 1}, 1
		}
		return &ShortError{Scheme: scheme, Need: need, Have: len(hosts), Known: p.known, Refused: p.refused, Segment: -1}
	}
	p.scheme = scheme
	p.warn(wish, len(hosts))
	ids := make([]peer.ID, len(hosts))
	for i, h := range hosts {
		ids[i] = h.peer
	}
	p.roster = newRoster(scheme, ids, wish.colocate)
	if p.journal.resumed {
		return nil
	}
	return p.journal.append(recordStart, start{
		Version: journalVersion, Source: []byte(p.source.key()), File: wish.file, Mesh: p.e.cfg.Mesh,
		Data: scheme.Data, Parity: scheme.Parity, Segment: scheme.SegmentLength(p.e.cfg.Budget),
	}, true)
}

// warn says what the owner should know of this choice.
func (p *put) warn(wish wishes, hosts int) {
	s := p.scheme
	if s.Parity == 0 {
		p.warnings = append(p.warnings, fmt.Sprintf("scheme %s keeps no redundancy: when one host dies the file is lost", s))
	}
	if wish.durability == shard.DurabilityArchive && p.opts.Scheme == (shard.Scheme{}) && !(hosts >= shard.ArchiveHosts && wish.small) &&
		s != shard.SchemeFor(shard.ArchiveHosts, shard.DurabilityArchive) {
		p.fellShort(fmt.Sprintf("durability archive needs %d hosts, %d have room: scheme %s is used", shard.ArchiveHosts, hosts, s))
	}
	if per := shardsPerHost(s, min(hosts, s.Shards())); wish.colocate && per > s.Parity && s.Parity > 0 {
		p.fellShort(fmt.Sprintf("%d shards of a segment lie on one host and scheme %s can lose %d: when that host dies the file is lost", per, s, s.Parity))
	}
}

func (p *put) keys() (err error) {
	cfg, file := p.e.cfg, p.journal.start.File
	key := cfg.Seed.FileKey(file)
	p.sealer, p.repair = shard.NewSealer(key, file), key.RepairKey()
	if _, p.grant, err = shard.NewGrant(cfg.Seed, file, cfg.Mesh); err != nil {
		return err
	}
	p.digest = shard.GrantDigest(p.grant)
	if p.opts.Bandwidth > 0 {
		p.limit = rate.NewLimiter(rate.Limit(p.opts.Bandwidth), bandwidthBurst)
		p.slots = make(chan struct{}, slotsFor(p.opts.Bandwidth))
	}
	p.safe = newSafety(p.scheme.Shards(), p.in.size, p.report)
	p.coder, err = shard.NewCoder(p.scheme)
	return err
}

// segments moves the file, segment by segment, and returns how many there were
// and the private part of the manifest.
func (p *put) segments(ctx context.Context) (int, shard.Private, error) {
	full := p.journal.start.Segment
	buffers, err := newSlabs(p.scheme.Shards() * p.scheme.ShardLength(full))
	if err != nil {
		return 0, shard.Private{}, err
	}
	defer buffers.close()
	group, ctx := errgroup.WithContext(ctx)
	count, private, err := p.produce(ctx, group, buffers, full-shard.SealOverhead)
	if err != nil {
		group.Go(func() error { return err })
	}
	err = group.Wait() // nobody holds a buffer after this
	return count, private, err
}

// produce reads and seals the segments in order; each is sent while the next is
// made.
func (p *put) produce(ctx context.Context, group *errgroup.Group, buffers *slabs, full int) (int, shard.Private, error) {
	content := shard.NewContentHash()
	private := p.private()
	for number := uint32(0); ; number++ {
		if number >= shard.MaxSegments {
			return 0, private, fmt.Errorf("the file has more than %d segments", shard.MaxSegments)
		}
		slab, err := buffers.take(ctx)
		if err != nil {
			return 0, private, err
		}
		s, err := p.readSegment(number, slab, full)
		if err != nil {
			return 0, private, err
		}
		content.Add(s.sealing.Plain)
		private.Size += int64(s.plain)
		private.Content = content.Sum()
		group.Go(func() error {
			defer buffers.give(slab)
			return p.place(ctx, s)
		})
		if s.sealing.Last {
			return int(number) + 1, private, nil
		}
	}
}

func (p *put) private() shard.Private {
	private := shard.Private{File: p.journal.start.File, Name: p.source.Name, Mode: 0o600, ModTime: time.Now().UnixNano()}
	if info := p.in.first; info != nil {
		private.Mode, private.ModTime = uint32(info.Mode().Perm()), info.ModTime().UnixNano()
		if private.Name == "" {
			private.Name = filepath.Base(p.source.Path)
		}
	}
	return private
}

// ManifestPath is where the engine keeps the manifest of a file.
func (e *Engine) ManifestPath(file shard.FileID) string {
	return filepath.Join(e.cfg.Manifests, file.String()+".batchain")
}
