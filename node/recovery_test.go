package node_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/nodetest"
	"github.com/batchain/batchain/shard"
)

// device is a home of an owner's, with a node for commands.
func device(t *testing.T, c *nodetest.Cluster, seed shard.Seed) *nodetest.Member {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home")
	must(t, os.Mkdir(home, 0o700))
	must(t, node.AdoptOwnerKey(home, seed))
	return c.ClientAt(home)
}

// lose ends a device and deletes its home.
func lose(t *testing.T, m *nodetest.Member) {
	t.Helper()
	m.Stop()
	must(t, os.RemoveAll(m.Config().Home))
}

// recovered recovers on a new device and returns it, and the names of its files
// with the paths of their manifests.
func recovered(t *testing.T, c *nodetest.Cluster, seed shard.Seed) (*nodetest.Member, map[string]string) {
	t.Helper()
	m := device(t, c, seed)
	r, err := m.Node().Recover(within(t), control.RecoverRequest{}, quiet)
	must(t, err)
	files, err := node.Files(m.Config().Home)
	must(t, err)
	if len(r.Missing) > 0 || r.Recovered != r.Files || r.Files != len(files) {
		t.Errorf("recovered %+v, and there are %d files", r, len(files))
	}
	paths := map[string]string{}
	for _, f := range files {
		must(t, f.Err)
		paths[f.Name] = f.Path
	}
	return m, paths
}

func namesOf(paths map[string]string) []string {
	var names []string
	for name := range paths {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestRecoveryFromTheSeed: the owner's home is gone, and every file comes back,
// a folder among them; later two devices put at one moment, and a third has
// what both have put. A deleted file stays away.
func TestRecoveryFromTheSeed(t *testing.T) {
	c := nodetest.New(t, 8, nodetest.Options{})
	seed := shard.NewSeed()
	first := device(t, c, seed)
	_, large := store(t, first.Node(), "large", control.PutRequest{})
	smallFrom, small := noisy(t, "small", 100)
	_, err := first.Node().Put(within(t), control.PutRequest{Path: smallFrom}, nil, quiet)
	must(t, err)
	album := filepath.Join(t.TempDir(), "album")
	must(t, os.MkdirAll(filepath.Join(album, "2026", "empty"), 0o700))
	must(t, os.WriteFile(filepath.Join(album, "2026", "sea.jpg"), large[:100000], 0o640))
	must(t, os.Symlink("2026/sea.jpg", filepath.Join(album, "best")))
	_, err = first.Node().Put(within(t), control.PutRequest{Path: album}, nil, quiet)
	must(t, err)
	goneFrom, _ := noisy(t, "gone", 100)
	gone, err := first.Node().Put(within(t), control.PutRequest{Path: goneFrom}, nil, quiet)
	must(t, err)
	_, err = first.Node().Remove(within(t), control.RemoveRequest{Ref: gone.Manifest}, quiet)
	must(t, err)
	lose(t, first)

	second, files := recovered(t, c, seed)
	if names := namesOf(files); !slices.Equal(names, []string{"album", "large", "small"}) {
		t.Fatalf("recovered %q", names)
	}
	sameBytes(t, second.Node(), files["large"], large)
	sameBytes(t, second.Node(), files["small"], small)
	back := filepath.Join(t.TempDir(), "album")
	_, err = second.Node().Get(within(t), control.GetRequest{Ref: files["album"], Output: back}, nil, quiet)
	must(t, err)
	sameTree(t, album, back)

	third := device(t, c, seed)
	var both sync.WaitGroup
	from := map[string]string{}
	for name, m := range map[string]*nodetest.Member{"left": second, "right": third} {
		path, _ := noisy(t, name, 1000)
		from[name] = path
		both.Go(func() {
			if _, err := m.Node().Put(within(t), control.PutRequest{Path: path}, nil, quiet); err != nil {
				t.Errorf("put %s: %v", name, err)
			}
		})
	}
	both.Wait()
	lose(t, second)
	lose(t, third)
	fourth, files := recovered(t, c, seed)
	if names := namesOf(files); !slices.Equal(names, []string{"album", "large", "left", "right", "small"}) {
		t.Fatalf("recovered %q", names)
	}
	for name, path := range from {
		want, err := os.ReadFile(path)
		must(t, err)
		sameBytes(t, fourth.Node(), files[name], want)
	}
	stranger := device(t, c, shard.NewSeed())
	if _, err := stranger.Node().Recover(within(t), control.RecoverRequest{}, quiet); exit(err) != control.ExitNotFound {
		t.Errorf("recover by another seed: %v", err)
	}
}

// sameTree compares two folders, but for the times of folders and links.
func sameTree(t *testing.T, want, got string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(want, "*"))
	must(t, err)
	deeper, err := filepath.Glob(filepath.Join(want, "*", "*"))
	must(t, err)
	for _, path := range append(names, deeper...) {
		name, err := filepath.Rel(want, path)
		must(t, err)
		a, err := os.Lstat(path)
		must(t, err)
		b, err := os.Lstat(filepath.Join(got, name))
		must(t, err)
		if a.Mode() != b.Mode() || a.Mode().IsRegular() && !a.ModTime().Equal(b.ModTime()) {
			t.Errorf("%s is %v of %v, was %v of %v", name, b.Mode(), b.ModTime(), a.Mode(), a.ModTime())
		}
		if x, y := contentOf(t, path), contentOf(t, filepath.Join(got, name)); x != y {
			t.Errorf("%s has other content", name)
		}
	}
}

// contentOf is what a file holds and a link points to; nothing, for a folder.
func contentOf(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	switch {
	case info.IsDir():
		return ""
	case info.Mode().Type() == os.ModeSymlink:
		target, err := os.Readlink(path)
		must(t, err)
		return target
	}
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

// TestLargeManifestIsAHiddenFile: a manifest that no note can take is stored as
// a file, which recovery brings back and no list shows.
func TestLargeManifestIsAHiddenFile(t *testing.T) {
	c := nodetest.New(t, 6, nodetest.Options{})
	seed := shard.NewSeed()
	first := device(t, c, seed)
	first.Stop()
	var hosts []peer.AddrInfo
	for _, m := range c.Nodes {
		hosts = append(hosts, m.Node().Host().Peerstore().PeerInfo(m.Node().ID()))
	}
	must(t, os.Remove(filepath.Join(first.Config().Home, "catalogue.state")))
	big := largeManifest(t, first.Config().Home, seed, hosts)
	first.Start()
	path, _ := noisy(t, "small", 100)
	_, err := first.Node().Put(within(t), control.PutRequest{Path: path}, nil, quiet)
	must(t, err)
	stored, err := filepath.Glob(filepath.Join(first.Config().Home, "manifests", "*.batchain"))
	must(t, err)
	files, err := node.Files(first.Config().Home)
	if err != nil || len(files) != 2 || len(stored) != 3 {
		t.Errorf("%d files are listed, of %d manifests (%v)", len(files), len(stored), err)
	}
	lose(t, first)
	_, again := recovered(t, c, seed)
	if got, err := os.ReadFile(again["big"]); err != nil || !bytes.Equal(got, big) {
		t.Errorf("the large manifest is another (%d bytes, %v), of %q", len(got), err, namesOf(again))
	}
}

// largeManifest writes the manifest of a file of many segments into a home and
// returns it.
func largeManifest(t *testing.T, home string, seed shard.Seed, hosts []peer.AddrInfo) []byte {
	t.Helper()
	file := shard.NewFileID()
	var buf bytes.Buffer
	const count = 2000
	scheme := shard.Scheme{Data: 2, Parity: 4}
	w, err := shard.NewManifestWriter(&buf, seed, file, "test", scheme)
	must(t, err)
	placed := make([]shard.Placement, scheme.Shards())
	for i := range placed {
		placed[i] = shard.Placement{Index: uint8(i), Host: uint16(i)}
	}
	for i := range uint32(count) {
		must(t, w.Segment(shard.Segment{Number: i, Sealed: shard.SealOverhead + 100, Shards: make([]shard.ID, scheme.Shards())}))
	}
	must(t, w.Core(shard.Private{File: file, Name: "big", Size: count * 100}))
	must(t, w.Hosts(hosts))
	for i := range uint32(count) {
		must(t, w.Placed(i, placed))
	}
	must(t, w.Close())
	path := filepath.Join(home, "manifests", file.String()+".batchain")
	must(t, os.WriteFile(path, buf.Bytes(), 0o600))
	old := time.Now().Add(-time.Hour)
	must(t, os.Chtimes(path, old, old))
	return buf.Bytes()
}
