package exec

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// fill has a cache make the folder of module n, with a file of size bytes.
func fill(t *testing.T, c *cache, n byte, size int) (compiled bool) {
	t.Helper()
	err := c.make(t.Context(), variant{ModuleID{n}, true}, []byte("wasm"), func(_ context.Context, dir string) error {
		compiled = true
		return os.WriteFile(filepath.Join(dir, moduleFile), make([]byte, size), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func TestCacheIsBounded(t *testing.T) {
	c, err := openCache(t.TempDir(), 300)
	if err != nil {
		t.Fatal(err)
	}
	has := func(n byte) bool { _, ok := c.find(variant{ModuleID{n}, true}); return ok }
	age := func(n byte, by time.Duration) {
		then := time.Now().Add(-by)
		if err := os.Chtimes(filepath.Join(c.dir, variant{ModuleID{n}, true}.String()), then, then); err != nil {
			t.Fatal(err)
		}
	}
	for n := range byte(3) {
		if !fill(t, c, n, 100) || fill(t, c, n, 100) {
			t.Fatalf("module %d is compiled not once", n)
		}
		age(n, time.Duration(10-n)*time.Minute)
	}
	has(0) // it is used now
	fill(t, c, 3, 100)
	if !has(0) || has(1) || !has(2) || !has(3) {
		t.Errorf("not the one longest unused went: %v %v %v %v", has(0), has(1), has(2), has(3))
	}
	fill(t, c, 4, 1000)
	if has(0) || has(2) || has(3) || !has(4) {
		t.Error("what is larger than the cache is not alone in it")
	}
}

func TestCacheForgetsHalves(t *testing.T) {
	dir := t.TempDir()
	c, err := openCache(dir, 300)
	if err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	if err := c.make(t.Context(), variant{}, nil, func(context.Context, string) error { return boom }); !errors.Is(err, boom) {
		t.Error(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "new-17"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := openCache(dir, 300); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// What was damaged on disk is compiled anew.
func TestDamagedModules(t *testing.T) {
	wasm := printer(answer)
	for _, pattern := range []string{moduleFile, "wazero-*/*"} {
		p := newPool(t, Config{})
		id, err := p.Load(t.Context(), wasm, true)
		if err != nil {
			t.Fatal(err)
		}
		paths, err := filepath.Glob(filepath.Join(p.config.Dir, "modules", "*", pattern))
		if err != nil || len(paths) != 1 {
			t.Fatalf("%q, %v", paths, err)
		}
		if err := os.Truncate(paths[0], 100); err != nil {
			t.Fatal(err)
		}
		unit := Unit{Input: []byte("0"), Limits: Limits{Fuel: 1e6}}
		if _, err := p.Run(t.Context(), Program{Module: id}, unit); !errors.Is(err, ErrNotLoaded) {
			t.Errorf("%s: %v", pattern, err)
		}
		if _, err := p.Load(t.Context(), wasm, true); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Run(t.Context(), Program{Module: id}, unit); err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}
