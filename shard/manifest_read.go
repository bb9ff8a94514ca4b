package shard

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/wire"
)

// Manifest is an open manifest whose every byte has been checked. Segments are
// read from the source when they are asked for, so a manifest of any length
// takes little memory. It is safe for concurrent use if its source is.
type Manifest struct {
	Mesh        string
	Grant       Grant
	SignedGrant wire.Signed
	Scheme      Scheme
	Count       int    // segments
	Sealed      int64  // bytes of all segments, sealed
	Core        Digest // of the signed core: two manifests of one put share it
	Hosts       []peer.AddrInfo
	Repair      ed25519.PrivateKey
	Key         *FileKey // nil in a repair manifest
	Private     *Private // nil in a repair manifest

	src                                          io.ReaderAt
	headAt, segmentsAt, hostsAt, placedAt, endAt int64
}

// OpenManifest reads and checks a whole manifest of size bytes. It returns
// [ErrNewer] or [ErrManifest], wrapped; reading errors of src come as they are.
func OpenManifest(src io.ReaderAt, size int64) (*Manifest, error) {
	m := &Manifest{src: src, endAt: size - endSize}
	if err := m.checkVersion(size); err != nil {
		return nil, err
	}
	if err := m.checkDigest(); err != nil {
		return nil, err
	}
	r := &frameReader{in: bufio.NewReaderSize(io.NewSectionReader(src, 0, m.endAt), 64<<10)}
	if err := m.readAll(r); err != nil {
		return nil, err
	}
	return m, nil
}

const (
	openingSize = int64(len(manifestMagic)) + 4
	endSize     = wire.FrameHeaderSize + 32
)

func (m *Manifest) checkVersion(size int64) error {
	opening := make([]byte, openingSize)
	if _, err := m.src.ReadAt(opening, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !bytes.HasPrefix(opening, []byte(manifestMagic)) {
		return fmt.Errorf("%w: it does not begin as a manifest does", ErrManifest)
	}
	if v := binary.BigEndian.Uint32(opening[len(manifestMagic):]); v > ManifestVersion {
		return fmt.Errorf("%w: version %d, this program reads up to %d", ErrNewer, v, ManifestVersion)
	} else if v != ManifestVersion || size < openingSize+endSize {
		return fmt.Errorf("%w: version %d, %d bytes", ErrManifest, v, size)
	}
	return nil
}

func (m *Manifest) checkDigest() error {
	hasher := blake3.New()
	if _, err := io.Copy(hasher, io.NewSectionReader(m.src, 0, m.endAt)); err != nil {
		return err
	}
	end := make([]byte, endSize)
	n, err := m.src.ReadAt(end, m.endAt)
	if n < len(end) && !errors.Is(err, io.EOF) {
		return err
	}
	if !bytes.Equal(end[:n], wire.AppendFrame(nil, kindEnd, hasher.Sum(nil))) {
		return fmt.Errorf("%w: its bytes do not match its checksum (cut short or altered)", ErrManifest)
	}
	return nil
}

func (m *Manifest) readAll(r *frameReader) error {
	if _, err := r.in.Discard(int(openingSize)); err != nil {
		return err
	}
	r.at = openingSize
	if err := m.readCapability(r); err != nil {
		return err
	}
	m.headAt = r.at
	r.frames = blake3.New()
	if err := m.readHead(r); err != nil {
		return err
	}
	m.segmentsAt = r.at
	if err := m.readCore(r); err != nil {
		return err
	}
	return m.readPlacements(r)
}

func (m *Manifest) readCapability(r *frameReader) error {
	var c capability
	if err := r.expect(kindCapability, &c); err != nil {
		return err
	}
	if err := wire.ValidMesh(c.Mesh); err != nil || len(c.Key) != ed25519.SeedSize {
		return fmt.Errorf("%w: key of %d bytes, mesh %.32q", ErrManifest, len(c.Key), c.Mesh)
	}
	m.Mesh = c.Mesh
	switch c.What {
	case capabilityRead:
		key := FileKey(c.Key)
		m.Key, m.Repair = &key, key.RepairKey()
	case capabilityRepair:
		m.Repair = ed25519.NewKeyFromSeed(c.Key)
	default:
		return fmt.Errorf("%w: capability %d is unknown", ErrManifest, c.What)
	}
	return nil
}

func (m *Manifest) readHead(r *frameReader) error {
	var h head
	if err := r.expect(kindHead, &h); err != nil {
		return err
	}
	grant, err := OpenGrant(h.Grant, m.Mesh)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if !grant.Repair.Equal(m.Repair.Public()) {
		return fmt.Errorf("%w: its key is of another file", ErrManifest)
	}
	m.Grant, m.SignedGrant, m.Scheme = grant, h.Grant, Scheme{Data: h.Data, Parity: h.Parity}
	if err := m.Scheme.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrManifest, err)
	}
	return nil
}

// readCore reads segments, private part and signature.
func (m *Manifest) readCore(r *frameReader) error {
	private, err := m.readSegments(r)
	if err != nil {
		return err
	}
	frames := Digest(r.frames.Sum(nil))
	r.frames = nil
	var signed wire.Signed
	if err := r.expect(kindCore, &signed); err != nil {
		return err
	}
	var c core
	if err := signed.Open(m.Grant.Admin, wire.Domain{Kind: "core", Mesh: m.Mesh}, &c); err != nil {
		return fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if c.Grant != GrantDigest(m.SignedGrant) || c.Frames != frames || c.Segments != m.Count || c.Sealed != m.Sealed {
		return fmt.Errorf("%w: its owner signed another list of segments", ErrManifest)
	}
	m.Core = blake3.Sum256(signed.Body)
	if m.Key == nil {
		return nil
	}
	p, err := private.open(*m.Key, m.Grant.Locator)
	if err != nil {
		return err
	}
	if p.Size != m.Sealed-int64(m.Count)*SealOverhead {
		return fmt.Errorf("%w: %d bytes do not fill its segments", ErrManifest, p.Size)
	}
	m.Private = &p
	return nil
}

func (m *Manifest) readSegments(r *frameReader) (private privateRecord, err error) {
	for {
		kind, payload, err := r.next()
		if err != nil {
			return private, err
		}
		if kind == kindPrivate && m.Count > 0 {
			err := r.decode(payload, &private)
			return private, err
		}
		if kind != kindSegment || m.Count >= MaxSegments {
			return private, fmt.Errorf("%w: record %d after %d segments", ErrManifest, kind, m.Count)
		}
		var record segmentRecord
		if err := r.decode(payload, &record); err != nil {
			return private, err
		}
		if _, err := record.segment(uint32(m.Count), m.Scheme); err != nil {
			return private, err
		}
		m.Count++
		m.Sealed += int64(record.Sealed)
	}
}

// readPlacements reads the host table, and checks every placement against it.
func (m *Manifest) readPlacements(r *frameReader) error {
	m.hostsAt, m.placedAt = r.at, r.at
	next, known := uint32(0), map[peer.ID]bool{}
	for r.at < m.endAt {
		kind, payload, err := r.next()
		if err != nil {
			return err
		}
		switch {
		case kind == kindHosts && next == 0:
			if err := m.addHosts(r, payload, known); err != nil {
				return err
			}
			m.placedAt = r.at
		case kind == kindPlacement:
			number, _, err := m.parsePlacement(r, payload, next)
			if err != nil {
				return err
			}
			next = number + 1
		default:
			return fmt.Errorf("%w: record %d among the placements", ErrManifest, kind)
		}
	}
	return nil
}

func (m *Manifest) addHosts(r *frameReader, payload []byte, known map[peer.ID]bool) error {
	var table hostsRecord
	if err := r.decode(payload, &table); err != nil {
		return err
	}
	if len(m.Hosts)+len(table.Hosts) > maxHosts {
		return fmt.Errorf("%w: more than %d hosts", ErrManifest, maxHosts)
	}
	for _, h := range table.Hosts {
		if h.Peer == "" || known[h.Peer] {
			return fmt.Errorf("%w: host %d has no peer id, or that of another", ErrManifest, len(m.Hosts))
		}
		known[h.Peer] = true
		m.Hosts = append(m.Hosts, h.info())
	}
	return nil
}

func (m *Manifest) parsePlacement(r *frameReader, payload []byte, next uint32) (uint32, []Placement, error) {
	var record placementRecord
	if err := r.decode(payload, &record); err != nil {
		return 0, nil, err
	}
	if record.Segment < next || int(record.Segment) >= m.Count || len(record.Placed)%placementSize != 0 {
		return 0, nil, fmt.Errorf("%w: placement of segment %d out of order", ErrManifest, record.Segment)
	}
	placed := make([]Placement, 0, len(record.Placed)/placementSize)
	for b := record.Placed; len(b) > 0; b = b[placementSize:] {
		p := Placement{Index: b[0], Host: binary.BigEndian.Uint16(b[1:])}
		if int(p.Index) >= m.Scheme.Shards() || int(p.Host) >= len(m.Hosts) {
			return 0, nil, fmt.Errorf("%w: placement of index %d at host %d", ErrManifest, p.Index, p.Host)
		}
		placed = append(placed, p)
	}
	return record.Segment, placed, nil
}
