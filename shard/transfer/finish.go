package transfer

import (
	"context"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/batchain/batchain/shard"
)

// bandwidthBurst is the largest write that a limit is asked for at once.
const bandwidthBurst = 256 << 10

// slotsFor is how many transfers may share bytes a second: each should come to
// a write every 10 s, for a host hangs up on one that is silent for 60 s.
func slotsFor(bandwidth int64) int {
	return int(min(max(2, 10*min(bandwidth, 1<<40)/bandwidthBurst), 2*shard.MaxShards))
}

// enter waits until the bandwidth has room for one more transfer.
func (p *put) enter(ctx context.Context) (leave func(), err error) {
	if p.slots == nil {
		return func() {}, nil
	}
	select {
	case p.slots <- struct{}{}:
		return func() { <-p.slots }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// count notes shard bytes that left, and holds the sender to the bandwidth that
// the owner allows.
func (p *put) count(ctx context.Context, n int) {
	p.sent.add(int64(n))
	for p.limit != nil && n > 0 {
		some := min(n, bandwidthBurst)
		if p.limit.WaitN(ctx, some) != nil {
			return // the context has ended, and so does the transfer
		}
		n -= some
	}
}

// fellShort notes why the file will be less safe than its scheme promises.
func (p *put) fellShort(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.missing == "" {
		p.missing = why
	}
}

// How many addresses of a host are kept, and of what length: a host may tell
// as many as it likes.
const (
	maxHostAddrs = 16
	maxHostAddr  = 256
)

// noteReceipt puts a receipt into the journal, and where its host is reached.
func (p *put) noteReceipt(r shard.Receipt) error {
	if err := p.journal.append(recordReceipt, r, false); err != nil {
		return err
	}
	if p.journal.knowsHost(r.Host) {
		return nil
	}
	h := hostAddrs{Peer: r.Host}
	for _, addr := range p.e.cfg.Host.Peerstore().Addrs(r.Host) {
		if b := addr.Bytes(); len(b) <= maxHostAddr && len(h.Addrs) < maxHostAddrs {
			h.Addrs = append(h.Addrs, b)
		}
	}
	return p.journal.append(recordHost, h, false)
}

func (j *journal) knowsHost(h peer.ID) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, known := j.hosts[h]
	return known
}

// addrsOf returns where a host was reached; addresses that make no sense are
// dropped.
func (j *journal) addrsOf(h peer.ID) peer.AddrInfo {
	j.mu.Lock()
	defer j.mu.Unlock()
	info := peer.AddrInfo{ID: h}
	for _, b := range j.hosts[h] {
		if addr, err := ma.NewMultiaddrBytes(b); err == nil {
			info.Addrs = append(info.Addrs, addr)
		}
	}
	return info
}

// writeManifest makes the manifest from the journal, and returns how many hosts
// keep the file and where the manifest is. It appears whole or not at all.
func (p *put) writeManifest(segments int, private shard.Private) (int, string, error) {
	path := p.e.ManifestPath(private.File)
	hosts := 0
	write := func(w io.Writer) (err error) {
		hosts, err = p.manifest(w, segments, private)
		return err
	}
	if err := writeWhole(path, write); err != nil {
		return 0, "", fmt.Errorf("manifest: %w", err)
	}
	if p.opts.Copy != "" {
		if err := writeWhole(p.opts.Copy, write); err != nil {
			return 0, "", fmt.Errorf("copy of the manifest: %w", err)
		}
	}
	return hosts, path, nil
}

// manifest writes the manifest in two passes over the journal: the segments,
// then who holds them.
func (p *put) manifest(w io.Writer, segments int, private shard.Private) (int, error) {
	m, err := shard.NewManifestWriter(w, p.e.cfg.Seed, private.File, p.e.cfg.Mesh, p.scheme)
	if err != nil {
		return 0, err
	}
	numbers := map[peer.ID]uint16{}
	var table []peer.AddrInfo
	for number := range uint32(segments) {
		sealing, done, err := p.journal.finished(number)
		if err != nil {
			return 0, err
		}
		for _, at := range done.Placed {
			if _, known := numbers[at.Host]; !known {
				numbers[at.Host] = uint16(len(table))
				table = append(table, p.journal.addrsOf(at.Host))
			}
		}
		s := shard.Segment{Number: number, Sealed: sealing.Sealed, Nonce: sealing.Nonce, Shards: done.ids()}
		if err := m.Segment(s); err != nil {
			return 0, err
		}
	}
	if err := m.Core(private); err != nil {
		return 0, err
	}
	if err := m.Hosts(table); err != nil {
		return 0, err
	}
	return len(table), p.placements(m, segments, numbers)
}

func (p *put) placements(m *shard.ManifestWriter, segments int, numbers map[peer.ID]uint16) error {
	for number := range uint32(segments) {
		_, done, err := p.journal.finished(number)
		if err != nil {
			return err
		}
		placed := make([]shard.Placement, len(done.Placed))
		for i, at := range done.Placed {
			placed[i] = shard.Placement{Index: at.Index, Host: numbers[at.Host]}
		}
		if err := m.Placed(number, placed); err != nil {
			return err
		}
	}
	return m.Close()
}

func (f finished) ids() []shard.ID {
	ids := make([]shard.ID, len(f.Shards)/len(shard.ID{}))
	for i := range ids {
		ids[i] = shard.ID(f.Shards[i*len(shard.ID{}):])
	}
	return ids
}
