package exec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// variant is one way in which a module is compiled.
type variant struct {
	id      ModuleID
	metered bool
}

func (v variant) String() string {
	if v.metered {
		return v.id.String() + "-metered"
	}
	return v.id.String() + "-plain"
}

// cache keeps compiled modules in folders of their own, up to a size.
type cache struct {
	dir   string
	limit int64 // bytes

	mu sync.Mutex // one compilation and one clearing out at a time
}

// openCache makes the folder and removes what an earlier process left half done.
func openCache(dir string, limit int64) (*cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	c := &cache{dir: dir, limit: limit}
	halves, err := filepath.Glob(filepath.Join(dir, tempPattern))
	if err != nil {
		return nil, err
	}
	for _, half := range halves {
		if err := os.RemoveAll(half); err != nil {
			return nil, err
		}
	}
	return c, nil
}

const tempPattern = "new-*"

// find returns the folder of a compiled module, and notes that it is in use.
func (c *cache) find(v variant) (string, bool) {
	dir := filepath.Join(c.dir, v.String())
	now := time.Now()
	return dir, os.Chtimes(dir, now, now) == nil
}

// make has compile fill the folder of a module, unless it is there.
func (c *cache) make(ctx context.Context, v variant, wasm []byte, compile func(ctx context.Context, dir string) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	dir, ok := c.find(v)
	if ok {
		return nil
	}
	temp, err := os.MkdirTemp(c.dir, tempPattern)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	original := filepath.Join(temp, originalFile)
	if err := os.WriteFile(original, wasm, 0o600); err != nil {
		return err
	}
	if err := compile(ctx, temp); err != nil {
		return err
	}
	if err := os.Remove(original); err != nil {
		return err
	}
	if err := os.Rename(temp, dir); err != nil {
		return err
	}
	return c.clear(dir)
}

// drop removes a module, because what is there cannot be used.
func (c *cache) drop(v variant) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return os.RemoveAll(filepath.Join(c.dir, v.String()))
}

// clear removes the modules that were not used for the longest time, but not
// the newest, until the others fit.
func (c *cache) clear(newest string) error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	type folder struct {
		path string
		used time.Time
		size int64
	}
	var folders []folder
	var sum int64
	for _, entry := range entries {
		path := filepath.Join(c.dir, entry.Name())
		info, err := entry.Info()
		if err != nil {
			return err
		}
		size, err := sizeOf(path)
		if err != nil {
			return err
		}
		sum += size
		if path != newest {
			folders = append(folders, folder{path, info.ModTime(), size})
		}
	}
	slices.SortFunc(folders, func(a, b folder) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.path, b.path)) })
	for _, f := range folders {
		if sum <= c.limit {
			return nil
		}
		if err := os.RemoveAll(f.path); err != nil {
			return fmt.Errorf("clear the cache of modules: %w", err)
		}
		sum -= f.size
	}
	return nil
}

// sizeOf adds up the bytes of the files below a folder.
func sizeOf(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || entry.IsDir() {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		sum += info.Size()
		return nil
	})
	return sum, err
}
