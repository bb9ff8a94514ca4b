package transfer

import (
	"fmt"
	"io"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/shard"
)

// writeManifest makes the manifest from the journal, and returns how many hosts
// keep the file and where the manifest is. It appears whole or not at all.
func (p *put) writeManifest(segments int, private shard.Private) (int, string, error) {
	path := p.e.ManifestPath(private.File)
	hosts := 0
	write := func(w io.Writer) (err error) {
		hosts, err = p.manifest(w, segments, private)
		return err
	}
	_ = disk.Sweep(path, disk.LeftoverTime) // a folder that cannot be listed can be written to
	if err := disk.Write(path, write); err != nil {
		return 0, "", fmt.Errorf("manifest: %w", err)
	}
	if p.opts.Copy != "" {
		if err := disk.Write(p.opts.Copy, write); err != nil {
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
		for _, at := range p.confirmed(number, done.Placed) {
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
		var placed []shard.Placement
		for _, at := range p.confirmed(number, done.Placed) {
			placed = append(placed, shard.Placement{Index: at.Index, Host: numbers[at.Host]})
		}
		if err := m.Placed(number, placed); err != nil {
			return err
		}
	}
	return m.Close()
}

// confirmed leaves out what hosts did not confirm: they will drop it.
func (p *put) confirmed(number uint32, placed []placedShard) []placedShard {
	return slices.DeleteFunc(placed, func(at placedShard) bool { return !p.stands(at.Host, number, at.Index) })
}

func (f finished) ids() []shard.ID {
	ids := make([]shard.ID, len(f.Shards)/len(shard.ID{}))
	for i := range ids {
		ids[i] = shard.ID(f.Shards[i*len(shard.ID{}):])
	}
	return ids
}
