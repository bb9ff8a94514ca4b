package transfer

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// displace copies a manifest and gives it other hosts and placements.
func (b *bed) displace(path string, hosts []peer.AddrInfo, place func(shard.Segment) []shard.Placement) string {
	b.t.Helper()
	m := b.open(path)
	var out bytes.Buffer
	w, err := shard.NewManifestWriter(&out, b.seed, m.Private.File, m.Mesh, m.Scheme)
	if err != nil {
		b.t.Fatal(err)
	}
	var segments []shard.Segment
	for s, err := range m.Segments() {
		if err == nil {
			segments, err = append(segments, s), w.Segment(s)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
	if err := errors.Join(w.Core(*m.Private), w.Hosts(hosts)); err != nil {
		b.t.Fatal(err)
	}
	for _, s := range segments {
		if err := w.Placed(s.Number, place(s)); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	path = filepath.Join(b.t.TempDir(), "displaced.batchain")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func nowhere(shard.Segment) []shard.Placement { return nil }

func TestGetWithoutPlacements(t *testing.T) {
	b, manifest, content := putFile(t, 4)
	bare := b.displace(manifest, nil, nowhere)
	_, err := b.engine.Get(t.Context(), bare, Destination{Path: filepath.Join(t.TempDir(), "out")}, quiet)
	var few *UnreachableError
	if !errors.As(err, &few) || few.Have != 0 || few.Lost() {
		t.Errorf("nobody is known, which does not mean that it is lost: %v", err)
	}
	for _, k := range b.hosts[3:] { // two of five, as many as are needed
		b.known[k.host.ID()] = true
	}
	b.get(bare, content)
}

func TestGetWithPlacementsThatAreWrong(t *testing.T) {
	b, manifest, content := putFile(t, 4)
	table := slices.Clone(b.open(manifest).Hosts)
	for range 3 {
		table = append(table, b.addHost().info()) // who hold nothing
	}
	stranger, _ := newHost(t)
	table = append(table, peer.AddrInfo{ID: stranger.ID()})
	for name, place := range map[string]func(shard.Segment) []shard.Placement{
		"shifted by one": func(s shard.Segment) []shard.Placement {
			for i := range s.Placed {
				s.Placed[i].Index = (s.Placed[i].Index + 1) % 5
			}
			return s.Placed
		},
		"hosts that hold nothing": func(shard.Segment) (all []shard.Placement) {
			for index := range uint8(5) {
				for host := range uint16(4) {
					all = append(all, shard.Placement{Index: index, Host: 5 + host})
				}
			}
			return all
		},
		"everybody has everything": func(shard.Segment) (all []shard.Placement) {
			for index := range uint8(5) {
				for host := range table {
					all = append(all, shard.Placement{Index: index, Host: uint16(host)})
				}
			}
			return all
		},
		"one host only": func(s shard.Segment) []shard.Placement { return s.Placed[:1] },
	} {
		t.Run(name, func(t *testing.T) { b.get(b.displace(manifest, table, place), content) })
	}
}

// A host may keep a shard of a segment as it was before it changed, for the
// same place; that one is not asked for.
func TestStaleShardsAreNotCounted(t *testing.T) {
	b := newCutBed(t)
	path, content := b.file("f", 3*(segmentSize-shard.SealOverhead))
	_, _, r := b.edited(path, 7, func() {
		content[5] ^= 1
		if err := os.WriteFile(path, content, 0o640); err != nil {
			t.Fatal(err)
		}
	})
	m := b.open(r.Manifest)
	g := &get{e: b.engine, m: m, holders: newHolders(m.Hosts, b.engine.standing), looking: make(chan struct{}, 1)}
	g.locate(t.Context())
	g.holders.add(testHost, []shard.Held{{Segment: 1, Index: 1, Shard: shard.ID{1}}, {Segment: 2, Index: 1, Shard: shard.ID{1}}}, m)
	stale := 0
	for s, err := range m.Segments() {
		if err != nil {
			t.Fatal(err)
		}
		for at, by := range g.holders.extra {
			if at.segment == s.Number {
				stale += len(by)
			}
		}
		s.Placed = nil
		if found := g.holders.sources(s, m.Scheme); len(found) != 5 {
			t.Errorf("segment %d: %d sources", s.Number, len(found))
		}
		stale -= 5
	}
	if stale == 0 {
		t.Error("no host keeps a stale shard: the test shows nothing")
	}
	b.get(b.displace(r.Manifest, m.Hosts, nowhere), content)
}

func TestManifestsThatAreNotForThis(t *testing.T) {
	b, manifest, _ := putFile(t, 2)
	out := filepath.Join(t.TempDir(), "out")

	b.engine.cfg.Mesh = "other"
	_, get := b.engine.Get(t.Context(), manifest, Destination{Path: out}, quiet)
	_, remove := b.engine.Remove(t.Context(), manifest, quiet)
	if !errors.Is(get, ErrOtherMesh) || !errors.Is(remove, ErrOtherMesh) {
		t.Errorf("of another mesh: get %v, remove %v", get, remove)
	}
	b.restart()

	var data bytes.Buffer
	if err := b.open(manifest).Export(&data); err != nil {
		t.Fatal(err)
	}
	repair := filepath.Join(t.TempDir(), "repair.batchain")
	if err := os.WriteFile(repair, data.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	_, get = b.engine.Get(t.Context(), repair, Destination{Path: out}, quiet)
	_, remove = b.engine.Remove(t.Context(), repair, quiet)
	if !errors.Is(get, ErrNoKey) || !errors.Is(remove, ErrNoKey) {
		t.Errorf("for repair: get %v, remove %v", get, remove)
	}

	whole, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(repair, whole[:len(whole)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine.Get(t.Context(), repair, Destination{Path: out}, quiet); !errors.Is(err, shard.ErrManifest) {
		t.Errorf("cut short: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(out)); len(left) != 0 {
		t.Errorf("there is %v", left)
	}
}

// A put whose process died after the manifest was written and before the journal
// was removed must not be taken for done once the file is deleted.
func TestRemoveForgetsTheJournal(t *testing.T) {
	b := newCutBed(t)
	path, content := b.file("f", 2*segmentSize)
	var journal []byte
	r, err := b.engine.Put(t.Context(), Source{Path: path}, PutOptions{}, func(p Progress) {
		if p.Phase == "put" && p.Done == p.Total {
			journal, _ = os.ReadFile(b.journals()[0])
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(journalPath(filepath.Join(b.home, "journal"), mesh, path), journal, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine.Remove(t.Context(), r.Manifest, quiet); err != nil {
		t.Fatal(err)
	}
	again := b.put(path, PutOptions{})
	if again.File == r.File {
		t.Errorf("%+v", again)
	}
	b.get(again.Manifest, content)
}

func TestStreamComesInOrder(t *testing.T) {
	b, manifest, content := putFile(t, 9)
	var out bytes.Buffer
	told := int64(-1)
	r, err := b.engine.Get(t.Context(), manifest, Destination{Stream: &out, Size: func(n int64) { told = n }}, quiet)
	if err != nil || !bytes.Equal(out.Bytes(), content) || told != int64(len(content)) || r.Path != "" {
		t.Errorf("%d bytes of %d, told %d, %+v, %v", out.Len(), len(content), told, r, err)
	}
}
