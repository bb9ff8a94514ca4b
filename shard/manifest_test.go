package shard

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"pgregory.net/rapid"
)

// drawContent is any file a writer takes.
func drawContent(t *rapid.T) content {
	c := content{scheme: rapid.SampledFrom(append(allSchemes(), Scheme{200, 55})).Draw(t, "scheme")}
	for i := range rapid.IntRange(0, 30).Draw(t, "hosts") {
		_, id := hostKey(t, i)
		info := peer.AddrInfo{ID: id}
		for range i % 3 {
			info.Addrs = append(info.Addrs, ma.StringCast("/ip4/10.0.0.1/udp/4170/quic-v1"))
		}
		c.hosts = append(c.hosts, info)
	}
	for number := range rapid.IntRange(1, 9).Draw(t, "segments") {
		plain := rapid.IntRange(0, MaxSegmentLength-SealOverhead).Draw(t, "plain")
		s := Segment{Number: uint32(number), Sealed: plain + SealOverhead, Nonce: NewNonce()}
		for range c.scheme.Shards() {
			s.Shards = append(s.Shards, Sum(s.Nonce[:]))
		}
		if len(c.hosts) > 0 {
			s.Placed = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Placement {
				return Placement{
					Index: uint8(rapid.IntRange(0, c.scheme.Shards()-1).Draw(t, "index")),
					Host:  uint16(rapid.IntRange(0, len(c.hosts)-1).Draw(t, "host")),
				}
			}), 0, 40).Draw(t, "placed")
		}
		c.segments = append(c.segments, s)
		c.private.Size += int64(plain)
	}
	c.private.File = FileID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "file"))
	c.private.Name = string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "name"))
	c.private.Mode = rapid.Uint32Range(0, 0o777).Draw(t, "mode")
	c.private.ModTime = rapid.Int64().Draw(t, "mtime")
	c.private.Content = Digest(Sum([]byte(c.private.Name)))
	c.private.Expires = rapid.Int64().Draw(t, "expires")
	c.private.Folder = rapid.Bool().Draw(t, "folder")
	return c
}

// sameContent compares everything but the capability.
func sameContent(tb tester, m *Manifest, c content) {
	tb.Helper()
	if m.Mesh != testMesh || m.Scheme != c.scheme || m.Count != len(c.segments) || len(m.Hosts) != len(c.hosts) {
		tb.Fatalf("%+v came back", m)
	}
	for i, h := range m.Hosts {
		if h.ID != c.hosts[i].ID || !slices.EqualFunc(h.Addrs, c.hosts[i].Addrs, ma.Multiaddr.Equal) {
			tb.Fatalf("host %d: %s, want %s", i, h, c.hosts[i])
		}
	}
	segments := segmentsOf(tb, m)
	sealed := int64(0)
	for i, want := range c.segments {
		got := segments[i]
		sealed += int64(want.Sealed)
		if got.Number != want.Number || got.Sealed != want.Sealed || got.Nonce != want.Nonce ||
			!slices.Equal(got.Shards, want.Shards) || !slices.Equal(got.Placed, want.Placed) {
			tb.Fatalf("segment %d: %+v, want %+v", i, got, want)
		}
	}
	if m.Sealed != sealed || len(segments) != len(c.segments) {
		tb.Fatalf("%d sealed bytes in %d segments", m.Sealed, len(segments))
	}
}

func TestManifestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawContent(t)
		m := mustOpen(t, writeManifest(t, c))
		sameContent(t, m, c)
		if *m.Private != c.private || *m.Key != fixedSeed().FileKey(c.private.File) {
			t.Fatalf("private part %+v, want %+v", m.Private, c.private)
		}
		repair := export(t, m)
		r := mustOpen(t, repair)
		sameContent(t, r, c)
		sameCore(t, m, r)
		if !bytes.Equal(export(t, r), repair) {
			t.Fatal("a repair manifest exports as something else")
		}
	})
}

func sameCore(tb tester, m, repair *Manifest) {
	tb.Helper()
	if repair.Key != nil || repair.Private != nil {
		tb.Fatal("a repair manifest reads")
	}
	if repair.Core != m.Core || !repair.Repair.Equal(m.Repair) || !reflect.DeepEqual(repair.Grant, m.Grant) || !reflect.DeepEqual(repair.SignedGrant, m.SignedGrant) {
		tb.Fatal("a repair manifest has another core or grant")
	}
}

func TestRepairManifestHoldsNoSecrets(t *testing.T) {
	c := fixedContent(t)
	c.private.Name = "the name of the film.mkv"
	m := mustOpen(t, writeManifest(t, c))
	repair := export(t, m)
	key, seed, file := *m.Key, fixedSeed(), fixedFile()
	private := key.privateKey()
	for name, secret := range map[string][]byte{
		"the file key": key[:], "the seed": seed[:], "the private part's key": private[:], "the file id": file[:],
		"the admin key": adminKey().Seed(), "the name": []byte("film"), "the content hash": c.private.Content[:],
	} {
		if bytes.Contains(repair, secret) {
			t.Errorf("%s is in a repair manifest", name)
		}
	}
	if !bytes.Contains(repair, repairKey().Seed()) {
		t.Error("the repair key is not")
	}
}

// A put that is written twice gives two cores: the nonce of the private part
// is fresh.
func TestPrivateNonceIsFresh(t *testing.T) {
	c := fixedContent(t)
	one, two := mustOpen(t, writeManifest(t, c)), mustOpen(t, writeManifest(t, c))
	if one.Core == two.Core {
		t.Error("two private parts under one nonce")
	}
}

func TestSegmentsStopsWhenAsked(t *testing.T) {
	m := mustOpen(t, writeManifest(t, fixedContent(t)))
	for range 2 { // and can be read again
		for s, err := range m.Segments() {
			check(t, err)
			if s.Number == 1 {
				break
			}
		}
	}
}

// failingReader fails at offsets from at on.
type failingReader struct {
	*bytes.Reader
	at int64
}

var errDisk = errors.New("disk is gone")

func (f *failingReader) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.at {
		return 0, errDisk
	}
	return f.Reader.ReadAt(p, off)
}

func TestReadingErrorsComeAsTheyAre(t *testing.T) {
	data := writeManifest(t, fixedContent(t))
	for _, at := range []int64{0, 5, 100, int64(len(data)) - 1} {
		_, err := OpenManifest(&failingReader{bytes.NewReader(data), at}, int64(len(data)))
		wantErr(t, err, errDisk)
		if errors.Is(err, ErrManifest) {
			t.Errorf("offset %d: a reading error is called damage", at)
		}
	}
	src := &failingReader{bytes.NewReader(data), 1 << 40}
	m, err := OpenManifest(src, int64(len(data)))
	check(t, err)
	src.at = 0
	for _, err := range m.Segments() {
		wantErr(t, err, errDisk)
	}
	wantErr(t, m.Export(io.Discard), errDisk)
}

// What no reader takes, the writer does not write.
func TestManifestWriterRefuses(t *testing.T) {
	c := fixedContent(t)
	type step func(*ManifestWriter) error
	segment := func(n int) step { return func(w *ManifestWriter) error { return w.Segment(c.segments[n]) } }
	changed := func(change func(*Segment)) step {
		s := c.segments[0]
		change(&s)
		return func(w *ManifestWriter) error { return w.Segment(s) }
	}
	private := func(change func(*Private)) step {
		p := c.private
		change(&p)
		return func(w *ManifestWriter) error { return w.Core(p) }
	}
	signed := private(func(*Private) {})
	hosts := func(w *ManifestWriter) error { return w.Hosts(c.hosts) }
	placed := func(n uint32, p ...Placement) step { return func(w *ManifestWriter) error { return w.Placed(n, p) } }
	end := (*ManifestWriter).Close
	all := []step{segment(0), segment(1), segment(2)}
	upTo := func(steps ...step) []step { return append(slices.Clone(all), steps...) }
	for name, steps := range map[string][]step{
		"second segment first":     {segment(1)},
		"segment twice":            {segment(0), segment(0)},
		"no tag":                   {changed(func(s *Segment) { s.Sealed = SealOverhead - 1 })},
		"segment too long":         {changed(func(s *Segment) { s.Sealed = MaxSegmentLength + 1 })},
		"shard too few":            {changed(func(s *Segment) { s.Shards = s.Shards[1:] })},
		"shard too many":           {changed(func(s *Segment) { s.Shards = append(slices.Clip(s.Shards), ID{}) })},
		"core of no segments":      {signed},
		"core twice":               upTo(signed, signed),
		"segment after core":       upTo(signed, changed(func(s *Segment) { s.Number = 3 })),
		"size of another file":     upTo(private(func(p *Private) { p.Size++ })),
		"another file":             upTo(private(func(p *Private) { p.File = FileID{} })),
		"long name":                upTo(private(func(p *Private) { p.Name = strings.Repeat("n", maxName+1) })),
		"hosts before core":        upTo(hosts),
		"host without id":          upTo(signed, func(w *ManifestWriter) error { return w.Hosts([]peer.AddrInfo{{}}) }),
		"host of a wrong id":       upTo(signed, func(w *ManifestWriter) error { return w.Hosts([]peer.AddrInfo{{ID: "host"}}) }),
		"too many hosts":           upTo(signed, func(w *ManifestWriter) error { return w.Hosts(make([]peer.AddrInfo, maxHosts+1)) }),
		"hosts after placements":   upTo(signed, hosts, placed(0), hosts),
		"placement before core":    upTo(placed(0)),
		"placement of no segment":  upTo(signed, hosts, placed(3)),
		"placement out of order":   upTo(signed, hosts, placed(1), placed(0)),
		"placement twice":          upTo(signed, hosts, placed(1), placed(1)),
		"placement at no host":     upTo(signed, hosts, placed(0, Placement{0, 5})),
		"placement of no index":    upTo(signed, hosts, placed(0, Placement{5, 0})),
		"placements past a record": upTo(signed, hosts, placed(0, make([]Placement, maxManifestFrame/3)...)),
		"end before core":          upTo(end),
		"end twice":                upTo(signed, end, end),
	} {
		w, err := NewManifestWriter(io.Discard, fixedSeed(), fixedFile(), testMesh, c.scheme)
		check(t, err)
		for i, step := range steps {
			if err := step(w); (err != nil) != (i == len(steps)-1) {
				t.Errorf("%s: step %d: %v", name, i, err)
			}
		}
	}
	_, err := NewManifestWriter(io.Discard, fixedSeed(), fixedFile(), testMesh, Scheme{})
	wantErr(t, err, ErrScheme)
}

// A disk that fills up is told, wherever it does.
func TestManifestWriterTellsWritingErrors(t *testing.T) {
	c := fixedContent(t)
	whole := writeManifest(t, c)
	m := mustOpen(t, whole)
	for room := 0; room < len(whole); room += 97 {
		if err := m.Export(&fullWriter{room}); !errors.Is(err, errDisk) {
			t.Fatalf("room for %d of %d bytes: %v", room, len(whole), err)
		}
	}
}

type fullWriter struct{ room int }

func (f *fullWriter) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

func TestManyHosts(t *testing.T) {
	c := fixedContent(t)
	var addrs []ma.Multiaddr
	for range maxAddrs + 3 {
		addrs = append(addrs, ma.StringCast("/dns/"+strings.Repeat("h", 240)+"/tcp/4170"))
	}
	for i := range c.hosts {
		c.hosts[i].Addrs = addrs
	}
	for len(c.hosts) < 100 {
		id := peer.ID([]byte{0, 1, byte(len(c.hosts))}) // the identity hash of one byte
		c.hosts = append(c.hosts, peer.AddrInfo{ID: id, Addrs: addrs})
	}
	c.hosts[0].Addrs = append([]ma.Multiaddr{ma.StringCast("/dns/" + strings.Repeat("h", 300) + "/tcp/4170")}, addrs[:2]...)
	m := mustOpen(t, writeManifest(t, c))
	if len(m.Hosts) != len(c.hosts) || len(m.Hosts[1].Addrs) != maxAddrs || len(m.Hosts[0].Addrs) != 2 {
		t.Fatalf("%d hosts, %d and %d addresses", len(m.Hosts), len(m.Hosts[0].Addrs), len(m.Hosts[1].Addrs))
	}
}
