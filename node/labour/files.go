package labour

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/exec"
	"github.com/batchain/batchain/work/hive"
)

// Bounds of the files that workers read.
const (
	maxBlob     = exec.MaxModule // bytes of one that comes from the hive
	maxMeshFile = 1 << 30        // bytes of one that comes from the mesh
	maxCache    = 4 << 30        // bytes of all that a bee keeps
)

// meshPrefix begins the name of a file of the mesh.
const meshPrefix = "mesh:"

// read reads a file of this machine or of the mesh.
func (f from) read(ctx context.Context, name string, most int64) ([]byte, error) {
	ref, ofMesh := strings.CutPrefix(name, meshPrefix)
	if !ofMesh {
		return readFile(f.path(name), most)
	}
	manifest, size, err := f.manifest(ref)
	if err != nil {
		return nil, err
	}
	if size > most {
		return nil, fmt.Errorf("%s has %d bytes, at most %d are taken", name, size, most)
	}
	dir, err := os.MkdirTemp("", "batchain-submit-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "manifest.batchain")
	if err := os.WriteFile(path, manifest, 0o600); err != nil {
		return nil, err
	}
	to := filepath.Join(dir, "file")
	if err := f.mesh.Fetch(ctx, path, to, most); err != nil {
		return nil, err
	}
	return readFile(to, most)
}

func (f from) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(f.dir, name)
}

func (f from) manifest(ref string) ([]byte, int64, error) {
	if f.mesh == nil {
		return nil, 0, errors.New("there are no files of the mesh here")
	}
	manifest, size, err := f.mesh.Manifest(ref)
	if err == nil && len(manifest) > maxBlob {
		err = fmt.Errorf("the manifest of %s has %d bytes, at most %d are taken", ref, len(manifest), maxBlob)
	}
	return manifest, size, err
}

// blob adds what bees fetch, and returns its hash.
func (d *draft) blob(data []byte) []byte {
	sum := sumOf(data)
	d.blobs = append(d.blobs, data)
	return sum[:]
}

// files takes up the files that workers read.
func (f *projectFile) files(ctx context.Context, d *draft, at from) error {
	for name, source := range f.Files {
		file := work.File{Name: name}
		if ref, ofMesh := strings.CutPrefix(source, meshPrefix); ofMesh {
			manifest, size, err := at.manifest(ref)
			if err != nil {
				return err
			}
			if size > maxMeshFile {
				return fmt.Errorf("%s has %d bytes, at most %d are taken", source, size, maxMeshFile)
			}
			file.Mesh, file.Hash, file.Size = true, d.blob(manifest), uint64(size)
		} else {
			data, err := at.read(ctx, source, maxBlob)
			if err != nil {
				return err
			}
			file.Hash, file.Size = d.blob(data), uint64(len(data))
		}
		d.Project.Program.Files = append(d.Project.Program.Files, file)
	}
	slices.SortFunc(d.Project.Program.Files, func(a, b work.File) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// cache keeps files of programs for bees, named by their hashes.
type cache struct {
	dir  string
	mesh Files // nil: there is none

	mu sync.Mutex // held while a file is fetched: the next one may be the same
}

// paths returns where the files of a program are, and fetches those that are
// not here.
func (c *cache) paths(ctx context.Context, p *work.Program, from modules) (map[string]string, error) {
	if len(p.Files) == 0 {
		return nil, nil
	}
	paths := map[string]string{}
	for _, f := range p.Files {
		path, err := c.path(ctx, &f, from)
		if err != nil {
			return nil, fmt.Errorf("file %s: %w", f.Name, err)
		}
		paths[f.Name] = path
	}
	return paths, nil
}

// cacheName tells a file of the mesh from its manifest, which one hash names.
func cacheName(f *work.File) string {
	if f.Mesh {
		return fmt.Sprintf("%x-mesh", f.Hash)
	}
	return fmt.Sprintf("%x", f.Hash)
}

func (c *cache) path(ctx context.Context, f *work.File, from modules) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	path := filepath.Join(c.dir, cacheName(f))
	now := time.Now()
	if os.Chtimes(path, now, now) == nil { // it is there, and was used
		return path, nil
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return "", err
	}
	if limit := uint64(maxMeshFile); f.Size > limit {
		return "", fmt.Errorf("it has %d bytes, at most %d are taken", f.Size, limit)
	}
	if err := c.makeRoom(int64(f.Size)); err != nil {
		return "", err
	}
	data, err := fetch(ctx, from, sumFrom(f.Hash))
	if err != nil {
		return "", err
	}
	if !f.Mesh {
		return path, disk.WriteFile(path, data, 0o600)
	}
	return path, c.fetch(ctx, f, data, path)
}

// fetch brings a file of the mesh, whose manifest is from the hive. The manifest
// says what the file is, so nobody on the way can change it.
func (c *cache) fetch(ctx context.Context, f *work.File, manifest []byte, path string) error {
	if c.mesh == nil {
		return errors.New("there are no files of the mesh here")
	}
	temp, err := os.MkdirTemp(c.dir, newPrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	at, to := filepath.Join(temp, "manifest.batchain"), filepath.Join(temp, "file")
	if err := os.WriteFile(at, manifest, 0o600); err != nil {
		return err
	}
	if err := c.mesh.Fetch(ctx, at, to, maxMeshFile); err != nil {
		return err
	}
	info, err := os.Stat(to)
	if err != nil {
		return err
	}
	if uint64(info.Size()) != f.Size {
		return control.NewError(control.ExitIntegrity, 30, "a file has %d bytes, its hive said %d", info.Size(), f.Size)
	}
	return os.Rename(to, path)
}

// makeRoom removes files that were not used for the longest time. One that is in
// use is linked where it is used.
func (c *cache) makeRoom(more int64) error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	var files []fs.FileInfo
	sum := more
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || strings.HasPrefix(e.Name(), newPrefix) {
			continue
		}
		files, sum = append(files, info), sum+info.Size()
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, f := range files {
		if sum <= maxCache {
			return nil
		}
		if err := os.Remove(filepath.Join(c.dir, f.Name())); err != nil {
			return err
		}
		sum -= f.Size()
	}
	return nil
}

// publishedFile is where a project's folder keeps the id of its results.
const publishedFile = "published"

// publish makes the results of a project that has ended a file of the mesh, once.
func (l *Labour) publish(ctx context.Context, h *hive.Hive, p *project) error {
	if p.published() != "" {
		return nil
	}
	if l.cfg.Files == nil {
		return errors.New("there are no files of the mesh here")
	}
	name := p.Project.Name
	in, out := io.Pipe()
	var written sync.WaitGroup
	written.Go(func() {
		lines := json.NewEncoder(out)
		for c, err := range h.Datachunks(ctx, name, 0) {
			if err == nil {
				err = lines.Encode(chunkOf(c))
			}
			if err != nil {
				out.CloseWithError(err)
				return
			}
		}
		out.Close()
	})
	id, err := l.cfg.Files.Put(ctx, name+".jsonl", in)
	in.CloseWithError(errors.Join(err, io.ErrClosedPipe))
	written.Wait()
	if err != nil {
		return fmt.Errorf("publish the results: %w", err)
	}
	return disk.WriteFile(filepath.Join(p.dir, publishedFile), []byte(id), 0o600)
}

// published is the id of the file with a project's results, "" while there is none.
func (p *project) published() string {
	id, err := os.ReadFile(filepath.Join(p.dir, publishedFile))
	if err != nil {
		return ""
	}
	return string(id)
}
