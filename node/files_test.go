package node_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/test"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
)

// manifest writes a manifest of one segment, 2+2, at three hosts of which the
// second keeps two shards, into home. It returns the file's id.
func manifest(t *testing.T, home, name string, put time.Time) string {
	t.Helper()
	file := shard.NewFileID()
	var buf bytes.Buffer
	w, err := shard.NewManifestWriter(&buf, shard.NewSeed(), file, "test", shard.Scheme{Data: 2, Parity: 2})
	if err != nil {
		t.Fatal(err)
	}
	sealed := shard.SealOverhead + 100
	must(t, w.Segment(shard.Segment{Sealed: sealed, Shards: make([]shard.ID, 4)}))
	must(t, w.Core(shard.Private{File: file, Name: name, Size: 100}))
	must(t, w.Hosts([]peer.AddrInfo{{ID: test.RandPeerIDFatal(t)}, {ID: test.RandPeerIDFatal(t)}, {ID: test.RandPeerIDFatal(t)}}))
	must(t, w.Placed(0, []shard.Placement{{Index: 0, Host: 0}, {Index: 1, Host: 1}, {Index: 2, Host: 1}, {Index: 3, Host: 2}}))
	must(t, w.Close())
	path := filepath.Join(home, "manifests", file.String()+".batchain")
	write(t, path, buf.String(), 0o600)
	must(t, os.Chtimes(path, put, put))
	return file.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFiles(t *testing.T) {
	home := t.TempDir()
	if files, err := node.Files(home); err != nil || len(files) != 0 {
		t.Errorf("an empty home: %v, %v", files, err)
	}
	old := time.Now().Add(-time.Hour).Truncate(time.Second)
	first := manifest(t, home, "first", old)
	second := manifest(t, home, "second", old.Add(time.Minute))
	write(t, filepath.Join(home, "manifests", "damaged.batchain"), "rubbish", 0o600)
	write(t, filepath.Join(home, "manifests", "notes.txt"), "not ours", 0o600)
	must(t, os.Chtimes(filepath.Join(home, "manifests", "damaged.batchain"), old, old.Add(-time.Minute)))
	files, err := node.Files(home)
	if err != nil || len(files) != 3 {
		t.Fatalf("got %+v, %v", files, err)
	}
	if f := files[0]; f.ID != second || f.Name != "second" || !f.Put.Equal(old.Add(time.Minute)) {
		t.Errorf("the newest is %+v", f)
	}
	f := files[1]
	if f.ID != first || f.Size != 100 || f.Segments != 1 || f.Hosts != 3 || f.Margin != 1 || f.Scheme.String() != "2+2" || f.Err != nil || f.Repair {
		t.Errorf("got %+v", f)
	}
	if f := files[2]; f.ID != "damaged" || !errors.Is(f.Err, shard.ErrManifest) {
		t.Errorf("got %+v", f)
	}
}

func TestResolve(t *testing.T) {
	home := t.TempDir()
	now := time.Now()
	a := manifest(t, home, "a.txt", now)
	b := manifest(t, home, "b.txt", now)
	manifest(t, home, "twice", now)
	manifest(t, home, "twice", now)
	named := manifest(t, home, a, now) // a file called like another's id
	path := func(id string) string { return filepath.Join(home, "manifests", id+".batchain") }
	for _, c := range []struct {
		ref, want string
		exit      int
	}{
		{path(b), path(b), 0},
		{a, path(a), 0}, // the id comes before the name
		{"b.txt", path(b), 0},
		{named[:6], path(named), 0},
		{"twice", "", control.ExitUsage},
		{b[:3], "", control.ExitNotFound},
		{"nobody", "", control.ExitNotFound},
		{"./nobody", "", control.ExitNotFound},
		{"nobody.batchain", "", control.ExitNotFound},
		{"", "", control.ExitNotFound},
	} {
		got, err := node.Resolve(home, c.ref)
		var told *control.Error
		code := 0
		if errors.As(err, &told) {
			code = told.Exit
		}
		if got != c.want || code != c.exit {
			t.Errorf("%q: %q, exit %d, %v", c.ref, got, code, err)
		}
	}
	for ref, why := range map[string]string{
		b[:3]: "must be 4 or more; 1 id begins with " + b[:3], "nobody": "has 5 files", "": "has 5 files",
	} {
		_, err := node.Resolve(home, ref)
		var told *control.Error
		if !errors.As(err, &told) || !strings.Contains(told.Why, why) {
			t.Errorf("%q: %v does not say %q", ref, err, why)
		}
	}
	_, err := node.Resolve(home, "twice")
	var told *control.Error
	if !errors.As(err, &told) || len(told.Hints) != 2 || !strings.Contains(told.Hints[0], "twice") {
		t.Errorf("an ambiguous name: %+v", told)
	}
}
