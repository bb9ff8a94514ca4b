package transfer

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
)

// tree makes a folder of several segments, and returns its files.
func (b *bed) tree() (dir string, files map[string][]byte) {
	b.t.Helper()
	dir = filepath.Join(b.home, "album")
	files = map[string][]byte{"a/first.jpg": noise(200_000), "a/b/second.jpg": noise(300_000), "z": noise(70_000), "empty": nil}
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o640); err != nil {
			b.t.Fatal(err)
		}
	}
	then := time.Date(2010, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := errors.Join(os.Symlink("../z", filepath.Join(dir, "a/link")), os.Chtimes(filepath.Join(dir, "a"), then, then)); err != nil {
		b.t.Fatal(err)
	}
	return dir, files
}

func (b *bed) putTree() (PutResult, map[string][]byte) {
	b.t.Helper()
	b.cut(shard.Scheme{Data: 2, Parity: 3}, 128<<10)
	dir, files := b.tree()
	r := b.put(dir, PutOptions{})
	if r.Name != "album" || r.Segments < 4 {
		b.t.Fatalf("put %+v", r)
	}
	return r, files
}

func TestFolderThereAndBack(t *testing.T) {
	b := newBed(t, 5)
	r, files := b.putTree()
	b.hosts[0].die()
	out := t.TempDir()
	got, err := b.engine.Get(t.Context(), r.Manifest, Destination{Path: out}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(out, "album"); got.Path != want {
		t.Errorf("it is in %s, not %s", got.Path, want)
	}
	for name, want := range files {
		if data, err := os.ReadFile(filepath.Join(out, "album", name)); err != nil || !bytes.Equal(data, want) {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
	if to, err := os.Readlink(filepath.Join(out, "album/a/link")); err != nil || to != "../z" {
		t.Errorf("link to %q, %v", to, err)
	}
	info, err := os.Stat(filepath.Join(out, "album/a"))
	if err != nil || info.ModTime().Year() != 2010 || info.Mode().Perm() != 0o750 {
		t.Errorf("%v, %v", info, err)
	}
	if left, _ := os.ReadDir(out); len(left) != 1 {
		t.Errorf("left beside it: %v", left)
	}
	if _, err := b.engine.Get(t.Context(), r.Manifest, Destination{Path: out, Force: true}, quiet); !errors.Is(err, ErrExists) {
		t.Errorf("a folder was replaced: %v", err)
	}
}

func TestFolderAsStreamIsATar(t *testing.T) {
	b := newBed(t, 5)
	r, files := b.putTree()
	var out bytes.Buffer
	if _, err := b.engine.Get(t.Context(), r.Manifest, Destination{Stream: &out}, quiet); err != nil {
		t.Fatal(err)
	}
	for in := tar.NewReader(&out); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			data, err := io.ReadAll(in)
			if err != nil || !bytes.Equal(data, files[h.Name]) {
				t.Errorf("%s: %d bytes, %v", h.Name, len(data), err)
			}
			delete(files, h.Name)
		}
	}
	if len(files) > 0 {
		t.Errorf("%d files are missing", len(files))
	}
}

// One file comes without the rest: the index's segment, and its own.
func TestOneFileOfAFolder(t *testing.T) {
	b := newBed(t, 5)
	r, files := b.putTree()
	out := filepath.Join(t.TempDir(), "z")
	got, err := b.engine.Get(t.Context(), r.Manifest, Destination{Path: out, Inside: "/z"}, quiet)
	if err != nil || got.Name != "z" || got.Size != 70_000 || got.Path != out {
		t.Fatalf("%+v, %v", got, err)
	}
	data, err := os.ReadFile(out)
	info, statErr := os.Stat(out)
	if err != nil || statErr != nil || !bytes.Equal(data, files["z"]) || info.Mode().Perm() != 0o640 {
		t.Errorf("%d bytes, mode %v, %v", len(data), info.Mode(), err)
	}
	if most := int64(3 * 132 << 10); got.Received > most {
		t.Errorf("%d bytes came for a file in the last two segments, at most %d should", got.Received, most)
	}
	var stream bytes.Buffer
	if _, err := b.engine.Get(t.Context(), r.Manifest, Destination{Stream: &stream, Inside: "a/b/second.jpg"}, quiet); err != nil || !bytes.Equal(stream.Bytes(), files["a/b/second.jpg"]) {
		t.Errorf("%d bytes in the stream, %v", stream.Len(), err)
	}
	sub := filepath.Join(t.TempDir(), "b")
	if _, err := b.engine.Get(t.Context(), r.Manifest, Destination{Path: sub, Inside: "a/b/"}, quiet); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(sub, "second.jpg")); err != nil || !bytes.Equal(data, files["a/b/second.jpg"]) {
		t.Errorf("%d bytes in the folder, %v", len(data), err)
	}
}

func TestWhatIsNotInTheFolder(t *testing.T) {
	b := newBed(t, 5)
	r, _ := b.putTree()
	for _, inside := range []string{"nothing", "../album", "a/link"} {
		if _, err := b.engine.Get(t.Context(), r.Manifest, Destination{Path: filepath.Join(t.TempDir(), "x"), Inside: inside}, quiet); !errors.Is(err, ErrNotInside) {
			t.Errorf("%s: %v", inside, err)
		}
	}
	path, _ := b.file("plain", 1000)
	plain := b.put(path, PutOptions{})
	if _, err := b.engine.Get(t.Context(), plain.Manifest, Destination{Path: filepath.Join(t.TempDir(), "x"), Inside: "a"}, quiet); !errors.Is(err, ErrNotInside) {
		t.Errorf("inside a file: %v", err)
	}
}

// A folder that changes while it is put leaves no manifest; the put after that
// resumes, with the folder as it is then.
func TestFolderChangesWhileRead(t *testing.T) {
	b := newBed(t, 5)
	b.cut(shard.Scheme{Data: 2, Parity: 3}, 128<<10)
	dir, files := b.tree()
	spoil := func(p Progress) {
		if p.Phase == "put" {
			_ = os.WriteFile(filepath.Join(dir, "z"), []byte("shorter"), 0o640)
		}
	}
	if _, err := b.engine.Put(t.Context(), Source{Path: dir}, PutOptions{}, spoil); !errors.Is(err, ErrChanged) {
		t.Fatalf("put: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(b.home, "manifests")); len(left) != 0 {
		t.Errorf("manifests: %v", left)
	}
	files["z"] = []byte("shorter")
	r := b.put(dir, PutOptions{})
	out := filepath.Join(t.TempDir(), "back")
	if _, err := b.engine.Get(t.Context(), r.Manifest, Destination{Path: out}, quiet); err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if data, err := os.ReadFile(filepath.Join(out, name)); err != nil || !bytes.Equal(data, want) {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
}

// A get of a folder that was cut short goes on where it stopped.
func TestFolderResumes(t *testing.T) {
	b := newBed(t, 5)
	r, _ := b.putTree()
	out := filepath.Join(t.TempDir(), "back")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stop := func(p Progress) {
		if p.Done > 200<<10 {
			cancel()
		}
	}
	if _, err := b.engine.Get(ctx, r.Manifest, Destination{Path: out}, stop); err == nil {
		t.Fatal("it was not cut short")
	}
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something is there already: %v", err)
	}
	got, err := b.engine.Get(t.Context(), r.Manifest, Destination{Path: out}, quiet)
	if err != nil || got.Received > r.Size-100<<10 {
		t.Errorf("%+v, %v", got, err)
	}
}
