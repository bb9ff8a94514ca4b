package shard

import (
	"bufio"
	"fmt"
	"io"
	"iter"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"
)

// Update copies m to w with other placements: the capability and the core byte
// for byte, so that no key is needed, then these hosts and, in ascending order
// of segments, who holds what.
func (m *Manifest) Update(w io.Writer, hosts []peer.AddrInfo, placed iter.Seq2[uint32, []Placement]) error {
	out := &ManifestWriter{out: bufio.NewWriterSize(w, 64<<10), all: blake3.New(), scheme: m.Scheme, count: m.Count, stage: kindCore}
	core := io.NewSectionReader(m.src, 0, m.hostsAt)
	if _, err := io.Copy(io.MultiWriter(out.out, out.all), core); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if err := out.Hosts(hosts); err != nil {
		return err
	}
	for segment, at := range placed {
		if err := out.Placed(segment, at); err != nil {
			return err
		}
	}
	return out.Close()
}
