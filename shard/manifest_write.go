package shard

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/wire"
)

// ManifestWriter writes a read manifest as a stream: every segment in order,
// [ManifestWriter.Core], hosts, placements, [ManifestWriter.Close]. It holds
// no more than one record in memory. What [OpenManifest] would refuse, it
// refuses to write: records out of this order, and numbers out of bounds.
type ManifestWriter struct {
	out    *bufio.Writer
	all    *blake3.Hasher // every byte
	frames *blake3.Hasher // the core's frames
	seed   Seed
	file   FileID
	mesh   string
	scheme Scheme
	grant  Digest
	stage  byte // kind of the last record
	count  int
	sealed int64
	hosts  int
	next   int // first segment that may be placed
}

// NewManifestWriter starts the manifest of a file of the owner's.
func NewManifestWriter(w io.Writer, seed Seed, file FileID, mesh string, scheme Scheme) (*ManifestWriter, error) {
	m := &ManifestWriter{out: bufio.NewWriterSize(w, 64<<10), all: blake3.New(), frames: blake3.New(), seed: seed, file: file, mesh: mesh, scheme: scheme}
	if err := scheme.Validate(); err != nil {
		return nil, err
	}
	_, grant, err := NewGrant(seed, file, mesh)
	if err != nil {
		return nil, err
	}
	m.grant = GrantDigest(grant)
	key := seed.FileKey(file)
	if err := m.start(capability{What: capabilityRead, Key: key[:], Mesh: mesh}); err != nil {
		return nil, err
	}
	m.stage = kindHead
	return m, m.frame(kindHead, head{Grant: grant, Data: scheme.Data, Parity: scheme.Parity}, m.frames)
}

// Segment adds the next segment; its placements come later.
func (m *ManifestWriter) Segment(s Segment) error {
	if int(s.Number) != m.count || m.count >= MaxSegments {
		return fmt.Errorf("manifest: segment %d where %d is next, of at most %d", s.Number, m.count, MaxSegments)
	}
	if err := m.enter(kindSegment, kindHead, kindSegment); err != nil {
		return err
	}
	record := s.record()
	if _, err := record.segment(s.Number, m.scheme); err != nil {
		return err
	}
	m.count++
	m.sealed += int64(s.Sealed)
	return m.frame(kindSegment, record, m.frames)
}

// Core seals the private part and signs the core. No segment comes after it.
func (m *ManifestWriter) Core(p Private) error {
	if err := m.enter(kindCore, kindSegment, kindSegment); err != nil {
		return err
	}
	if plain := m.sealed - int64(m.count)*SealOverhead; p.File != m.file || p.Size != plain {
		return fmt.Errorf("manifest: private part of %d bytes of another file, or with other segments: they hold %d", p.Size, plain)
	}
	private, err := p.seal(m.seed.FileKey(m.file))
	if err != nil {
		return err
	}
	if err := m.frame(kindPrivate, private, m.frames); err != nil {
		return err
	}
	body := core{Grant: m.grant, Frames: Digest(m.frames.Sum(nil)), Segments: m.count, Sealed: m.sealed}
	signed, err := wire.Sign(m.seed.AdminKey(m.file), wire.Domain{Kind: "core", Mesh: m.mesh}, body)
	if err != nil {
		return err
	}
	return m.frame(kindCore, signed)
}

// Hosts adds to the host table; the first host is number 0.
func (m *ManifestWriter) Hosts(hosts []peer.AddrInfo) error {
	if err := m.enter(kindHosts, kindCore, kindHosts); err != nil {
		return err
	}
	if m.hosts += len(hosts); m.hosts > maxHosts {
		return fmt.Errorf("manifest: %d hosts, at most %d fit", m.hosts, maxHosts)
	}
	for len(hosts) > 0 {
		some := hosts[:min(len(hosts), hostsPerFrame)]
		hosts = hosts[len(some):]
		var r hostsRecord
		for _, h := range some {
			if _, err := peer.IDFromBytes([]byte(h.ID)); err != nil {
				return fmt.Errorf("manifest: host %q: %w", string(h.ID), err)
			}
			r.Hosts = append(r.Hosts, recordHost(h))
		}
		if err := m.frame(kindHosts, r); err != nil {
			return err
		}
	}
	return nil
}

// Placed adds who holds the shards of a segment. Segments come in ascending
// order.
func (m *ManifestWriter) Placed(segment uint32, placed []Placement) error {
	if err := m.enter(kindPlacement, kindCore, kindPlacement); err != nil {
		return err
	}
	if int(segment) < m.next || int(segment) >= m.count {
		return fmt.Errorf("manifest: placement of segment %d where %d to %d may come", segment, m.next, m.count-1)
	}
	for _, p := range placed {
		if int(p.Index) >= m.scheme.Shards() || int(p.Host) >= m.hosts {
			return fmt.Errorf("manifest: placement of index %d of %d at host %d of %d", p.Index, m.scheme.Shards(), p.Host, m.hosts)
		}
	}
	m.next = int(segment) + 1
	return m.frame(kindPlacement, placementRecord{Segment: segment, Placed: packPlacements(placed)})
}

// Close writes the end and flushes. The underlying writer stays open.
func (m *ManifestWriter) Close() error {
	if err := m.enter(kindEnd, kindCore, kindPlacement); err != nil {
		return err
	}
	return m.end()
}

// enter notes that a record of kind comes next, after one of kinds from to.
func (m *ManifestWriter) enter(kind, from, to byte) error {
	if m.stage < from || m.stage > to {
		return fmt.Errorf("manifest: record %d cannot follow record %d", kind, m.stage)
	}
	m.stage = kind
	return nil
}

func (m *ManifestWriter) end() error {
	sum := m.all.Sum(nil)
	if err := wire.WriteFrame(m.out, kindEnd, sum); err != nil {
		return err
	}
	return m.out.Flush()
}

func (m *ManifestWriter) start(c capability) error {
	opening := binary.BigEndian.AppendUint32([]byte(manifestMagic), ManifestVersion)
	if _, err := io.MultiWriter(m.out, m.all).Write(opening); err != nil {
		return err
	}
	return m.frame(kindCapability, c)
}

func (m *ManifestWriter) frame(kind byte, body any, more ...io.Writer) error {
	payload, err := wire.Marshal(body)
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if len(payload) > maxManifestFrame {
		return fmt.Errorf("manifest: record of %d bytes, at most %d fit", len(payload), maxManifestFrame)
	}
	buf := wire.AppendFrame(nil, kind, payload)
	for _, w := range append(more, m.out, m.all) {
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// Export copies m to w as a repair manifest, which cannot read: the same core
// and placements, byte for byte, under the repair key. A manifest that is one
// already is copied as it is.
func (m *Manifest) Export(w io.Writer) error {
	out := &ManifestWriter{out: bufio.NewWriterSize(w, 64<<10), all: blake3.New()}
	seed := m.Repair.Seed()
	if err := out.start(capability{What: capabilityRepair, Key: seed, Mesh: m.Mesh}); err != nil {
		return err
	}
	rest := io.NewSectionReader(m.src, m.headAt, m.endAt-m.headAt)
	if _, err := io.Copy(io.MultiWriter(out.out, out.all), rest); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	return out.end()
}

func packPlacements(placed []Placement) []byte {
	buf := make([]byte, 0, placementSize*len(placed))
	for _, p := range placed {
		buf = binary.BigEndian.AppendUint16(append(buf, p.Index), p.Host)
	}
	return buf
}
