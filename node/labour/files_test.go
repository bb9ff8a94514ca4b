package labour

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// shelf is a mesh, and what a hive gives out: names and hashes to contents.
type shelf struct {
	files   map[string]string // of the mesh, by REF
	blobs   map[[sha256.Size]byte]string
	fetched int
}

func (s *shelf) Manifest(ref string) ([]byte, int64, error) {
	content, ok := s.files[ref]
	if !ok {
		return nil, 0, os.ErrNotExist
	}
	return []byte("manifest of " + ref), int64(len(content)), nil
}

func (s *shelf) Fetch(_ context.Context, manifest, to string, most int64) error {
	s.fetched++
	text, err := os.ReadFile(manifest)
	if err != nil {
		return err
	}
	content := s.files[strings.TrimPrefix(string(text), "manifest of ")]
	if int64(len(content)) > most {
		return wire.ErrTooBig
	}
	return os.WriteFile(to, []byte(content), 0o600)
}

func (s *shelf) Put(context.Context, string, io.Reader) (string, error) {
	return "", errors.New("nothing is stored")
}

func (s *shelf) Module(_ context.Context, hash [sha256.Size]byte) ([]byte, error) {
	s.fetched++
	blob, ok := s.blobs[hash]
	if !ok {
		return nil, wire.ErrNotFound
	}
	return []byte(blob), nil
}

// A project of which everything is in the mesh is the same as one whose files are
// here; bees get each file once, and not the one that is not what it was said to
// be.
func TestFilesOfTheMesh(t *testing.T) {
	dir := folder(t, "name = 'a'\nmodule = 'mesh:m'\nunits = 'mesh:u'\nresults = 'mesh'\n[files]\nsky = 'mesh:sky.tar'\nmap = 'inputs'\n")
	module, err := os.ReadFile(filepath.Join(dir, "square.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	s := &shelf{files: map[string]string{"m": string(module), "u": "1\n2\n", "sky.tar": "stars"}, blobs: map[[sha256.Size]byte]string{}}
	if _, err := readProject(t.Context(), dir, nil); err == nil {
		t.Error("files of the mesh came without a mesh")
	}
	d, err := readProject(t.Context(), dir, s)
	if err != nil {
		t.Fatal(err)
	}
	sum := sumOf(module)
	p := &d.Project.Program
	if string(p.Module) != string(sum[:]) || d.Total != 2 || !d.Publish || len(p.Files) != 2 || p.Files[0].Name != "map" || !p.Files[1].Mesh || p.Files[1].Size != 5 {
		t.Fatalf("%+v", d.spec)
	}
	for _, b := range d.blobs {
		s.blobs[sumOf(b)] = string(b)
	}
	c := &cache{dir: filepath.Join(t.TempDir(), "files"), mesh: s}
	for _, more := range []int{3, 0} { // two blobs and a file; then nothing
		s.fetched = 0
		paths, err := c.paths(t.Context(), p, s)
		if err != nil || s.fetched != more {
			t.Fatalf("%v after %d fetches, want %d", err, s.fetched, more)
		}
		if sky, err := os.ReadFile(paths["sky"]); err != nil || string(sky) != "stars" {
			t.Errorf("sky is %q, %v", sky, err)
		}
		if m, err := os.ReadFile(paths["map"]); err != nil || !strings.HasPrefix(string(m), "1\n") {
			t.Errorf("map is %q, %v", m, err)
		}
	}
	manifest := work.Program{Files: []work.File{{Name: "sky", Hash: p.Files[1].Hash, Size: 19}}}
	paths, err := c.paths(t.Context(), &manifest, s)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(paths["sky"]); err != nil || string(text) != "manifest of sky.tar" {
		t.Errorf("the manifest as a file of its own is %q, %v", text, err)
	}
	lie := work.Program{Files: []work.File{{Name: "sky", Hash: p.Files[1].Hash, Mesh: true, Size: 4}}}
	c = &cache{dir: filepath.Join(t.TempDir(), "files"), mesh: s}
	if _, err := c.paths(t.Context(), &lie, s); err == nil {
		t.Error("a file of another size was taken")
	}
	lie.Files[0].Hash = make([]byte, sha256.Size)
	if _, err := c.paths(t.Context(), &lie, s); !errors.Is(err, wire.ErrNotFound) {
		t.Errorf("what the hive does not have: %v", err)
	}
	if left, err := os.ReadDir(c.dir); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}
