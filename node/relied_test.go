package node

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// folder is a folder of files that name peers, and counts how often each is
// read.
type folder struct {
	dir   string
	peers map[string][]peer.ID
	reads map[string]int
}

func (f *folder) paths() []string {
	paths, _ := filepath.Glob(filepath.Join(f.dir, "*"))
	return paths
}

func (f *folder) read(path string) ([]peer.ID, error) {
	name := filepath.Base(path)
	f.reads[name]++
	if f.peers[name] == nil {
		return nil, errors.New("damaged")
	}
	return f.peers[name], nil
}

func (f *folder) put(t *testing.T, name string, changed time.Time, peers ...peer.ID) {
	t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, changed, changed); err != nil {
		t.Fatal(err)
	}
	f.peers[name] = peers
}

// TestReliedFollowsTheFiles: whoever has a part of a file matters, as long as
// the file is there; a manifest is read once and when it has changed; one that
// is damaged matters to nobody.
func TestReliedFollowsTheFiles(t *testing.T) {
	f := &folder{t.TempDir(), map[string][]peer.ID{}, map[string]int{}}
	r := &relied{manifests: f.paths, read: f.read, log: slog.New(slog.DiscardHandler)}
	if r.has("a") {
		t.Error("somebody matters before anything was read")
	}
	at := time.Unix(1_800_000_000, 0)
	f.put(t, "one", at, "a", "b")
	f.put(t, "two", at, "b", "c")
	f.put(t, "damaged", at)
	r.look()
	r.look()
	if !r.has("a") || !r.has("b") || !r.has("c") || r.has("d") {
		t.Errorf("chosen are %v", *r.chosen.Load())
	}
	if f.reads["one"] != 1 || f.reads["two"] != 1 {
		t.Errorf("read %v times", f.reads)
	}
	f.put(t, "two", at.Add(time.Second), "b", "d")
	if err := os.Remove(filepath.Join(f.dir, "one")); err != nil {
		t.Fatal(err)
	}
	r.look()
	if r.has("a") || r.has("c") || !r.has("d") || f.reads["two"] != 2 || len(r.files) != 2 {
		t.Errorf("chosen are %v; %d files, read %v times", *r.chosen.Load(), len(r.files), f.reads)
	}
}

// TestReliedIsBounded: of more peers than gossip is to watch, those who have
// most of the files are chosen; of more manifests than are looked at, the newest.
func TestReliedIsBounded(t *testing.T) {
	f := &folder{t.TempDir(), map[string][]peer.ID{}, map[string]int{}}
	r := &relied{manifests: f.paths, read: f.read, log: slog.New(slog.DiscardHandler)}
	at := time.Unix(1_800_000_000, 0)
	var many []peer.ID
	for i := range 2 * reliedPeers {
		many = append(many, peer.ID(fmt.Sprintf("%04d", i)))
	}
	last := many[len(many)-1]
	f.put(t, "one", at, many...)
	f.put(t, "two", at, last)
	r.look()
	if got := len(*r.chosen.Load()); got != reliedPeers || !r.has(last) || r.has(many[reliedPeers]) {
		t.Errorf("%d are chosen; who has two files: %v", got, r.has(last))
	}
	paths := []string{filepath.Join(f.dir, "one"), filepath.Join(f.dir, "gone")}
	for range 2 * reliedFiles {
		paths = append(paths, filepath.Join(f.dir, "two"))
	}
	if err := os.Chtimes(paths[2], at.Add(time.Hour), at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if all := newest(paths); len(all) != reliedFiles || all[0].path != paths[2] {
		t.Errorf("%d files, the first %v", len(all), all[0])
	}
}
