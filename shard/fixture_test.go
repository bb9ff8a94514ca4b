package shard

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/wire"
)

const testMesh = "main"

// tester is a *testing.T, B, F or *rapid.T.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// fixedSeed and fixedFile are bytes 0, 1, 2 … and 0xf0, 0xf1, …
func fixedSeed() (s Seed) {
	for i := range s {
		s[i] = byte(i)
	}
	return s
}

func fixedFile() (id FileID) {
	for i := range id {
		id[i] = 0xf0 + byte(i)
	}
	return id
}

func fixedNonce(n byte) (nonce Nonce) {
	for i := range nonce {
		nonce[i] = n + byte(i)
	}
	return nonce
}

// pattern returns n bytes that never repeat in step with a shard.
func pattern(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i*7 + i>>8*13)
	}
	return data
}

// hostKey returns the identity of host n.
func hostKey(tb tester, n int) (ed25519.PrivateKey, peer.ID) {
	tb.Helper()
	seed := make([]byte, ed25519.SeedSize)
	binary.BigEndian.PutUint32(seed, uint32(n)+1)
	key := ed25519.NewKeyFromSeed(seed)
	pub, err := crypto.UnmarshalEd25519PublicKey(key.Public().(ed25519.PublicKey))
	check(tb, err)
	id, err := peer.IDFromPublicKey(pub)
	check(tb, err)
	return key, id
}

// content is what a manifest says, for building one.
type content struct {
	scheme   Scheme
	segments []Segment
	private  Private
	hosts    []peer.AddrInfo
}

// fixedContent is three segments of a 2+3 file on five hosts; the middle one
// is placed nowhere.
func fixedContent(tb tester) content {
	tb.Helper()
	c := content{scheme: Scheme{Data: 2, Parity: 3}}
	for i := range 5 {
		_, id := hostKey(tb, i)
		c.hosts = append(c.hosts, peer.AddrInfo{ID: id, Addrs: []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/4170")}})
	}
	hash := NewContentHash()
	for number, plain := range [][]byte{pattern(1000), pattern(1000), pattern(7)} {
		s := Segment{Number: uint32(number), Sealed: len(plain) + SealOverhead, Nonce: fixedNonce(byte(number))}
		for index := range c.scheme.Shards() {
			s.Shards = append(s.Shards, Sum([]byte{byte(number), byte(index)}))
			if number != 1 {
				s.Placed = append(s.Placed, Placement{Index: uint8(index), Host: uint16((index + number) % 5)})
			}
		}
		c.segments = append(c.segments, s)
		c.private.Size += int64(len(plain))
		hash.Add(SumPlain(plain))
	}
	c.private.File, c.private.Name, c.private.Mode = fixedFile(), "caf\xe9.txt", 0o640 // Latin-1: not valid UTF-8
	c.private.ModTime, c.private.Content = 1_700_000_000_123_456_789, hash.Sum()
	return c
}

// writeManifest writes what c says, under the fixed seed.
func writeManifest(tb tester, c content) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w, err := NewManifestWriter(&buf, fixedSeed(), c.private.File, testMesh, c.scheme)
	check(tb, err)
	for _, s := range c.segments {
		check(tb, w.Segment(s))
	}
	check(tb, w.Core(c.private))
	check(tb, w.Hosts(c.hosts))
	for _, s := range c.segments {
		if len(s.Placed) > 0 {
			check(tb, w.Placed(s.Number, s.Placed))
		}
	}
	check(tb, w.Close())
	return buf.Bytes()
}

func open(data []byte) (*Manifest, error) {
	return OpenManifest(bytes.NewReader(data), int64(len(data)))
}

func mustOpen(tb tester, data []byte) *Manifest {
	tb.Helper()
	m, err := open(data)
	check(tb, err)
	return m
}

// export returns the repair manifest of m.
func export(tb tester, m *Manifest) []byte {
	tb.Helper()
	var buf bytes.Buffer
	check(tb, m.Export(&buf))
	return buf.Bytes()
}

func segmentsOf(tb tester, m *Manifest) []Segment {
	tb.Helper()
	var all []Segment
	for s, err := range m.Segments() {
		check(tb, err)
		all = append(all, s)
	}
	return all
}

// frame is one frame of a manifest under construction.
type frame struct {
	kind    byte
	payload []byte
}

// splitManifest returns a manifest's frames but the last, the checksum.
func splitManifest(tb tester, data []byte) []frame {
	tb.Helper()
	var frames []frame
	for rest := data[openingSize:]; len(rest) > 0; {
		kind, payload, after, err := wire.ParseFrame(rest, 1<<20)
		check(tb, err)
		frames, rest = append(frames, frame{kind, payload}), after
	}
	return frames[:len(frames)-1]
}

// joinManifest is the inverse: a manifest with a right checksum.
func joinManifest(frames ...frame) []byte {
	data := binary.BigEndian.AppendUint32([]byte(manifestMagic), ManifestVersion)
	for _, f := range frames {
		data = wire.AppendFrame(data, f.kind, f.payload)
	}
	return withChecksum(data)
}

func withChecksum(data []byte) []byte {
	sum := blake3.Sum256(data)
	return wire.AppendFrame(slices.Clip(data), kindEnd, sum[:])
}

func encode(tb tester, kind byte, body any) frame {
	tb.Helper()
	payload, err := wire.Marshal(body)
	check(tb, err)
	return frame{kind, payload}
}

func check(tb tester, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func wantErr(tb tester, err, want error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Fatalf("got error %v, want %v", err, want)
	}
}
