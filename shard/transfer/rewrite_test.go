package transfer

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/batchain/batchain/disk"
)

// A manifest that is removed while a repair or an audit goes on stays removed,
// and nothing that holds its keys is left.
func TestRemovedManifestStaysRemoved(t *testing.T) {
	for name, tc := range map[string]struct {
		phase string
		gone  func(*bed, string) error
	}{
		"by its owner, in a repair": {"repair", func(b *bed, manifest string) error {
			_, err := b.engine.Remove(b.t.Context(), manifest, quiet)
			return err
		}},
		"by others, in a repair": {"repair", func(_ *bed, manifest string) error { return os.Remove(manifest) }},
		"by others, in an audit": {"audit", func(_ *bed, manifest string) error { return os.Remove(manifest) }},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, 6)
			b.cut(twoThree, segmentSize)
			path, _ := b.file("f", 3*segmentSize)
			manifest := b.put(path, PutOptions{}).Manifest
			b.loseIndex(manifest, 0, everySegment)
			b.addHost()
			var once sync.Once
			_, err := b.engine.Repair(t.Context(), manifest, RepairOptions{Eager: true}, func(p Progress) {
				if p.Phase == tc.phase {
					once.Do(func() {
						if err := tc.gone(b, manifest); err != nil {
							t.Error(err)
						}
					})
				}
			})
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("repair: %v", err)
			}
			left, err := os.ReadDir(filepath.Dir(manifest))
			if err != nil || len(left) > 0 {
				t.Errorf("%v is left, %v", left, err)
			}
		})
	}
}

// What a crash left of a manifest holds its keys: it goes when it is old, and
// with the manifest in any case. Nothing else goes.
func TestLeftoversGo(t *testing.T) {
	b := newBed(t, 0)
	dir := t.TempDir()
	manifest := filepath.Join(dir, "f.[batchain")
	made := func(name string, age time.Duration) string {
		path := filepath.Join(dir, name)
		when := time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(path, []byte("key"), 0o600), os.Chtimes(path, when, when)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	old, fresh := made(".f.[batchain.123", 2*disk.LeftoverTime), made(".f.[batchain.456", 0)
	health := made(".f.[batchain.health.789", 2*disk.LeftoverTime)
	others := []string{made(".f.[batchain.", 2*disk.LeftoverTime), made(".f.[batchain.12a", 2*disk.LeftoverTime), made("f.[batchain.123", 2*disk.LeftoverTime), made(".g.[batchain.1", 2*disk.LeftoverTime)}
	there := func(path string) bool { _, err := os.Stat(path); return err == nil }
	if err := os.WriteFile(manifest, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.engine.rewrite(manifest, manifest, func(io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if there(old) || !there(fresh) || !there(health) || !there(manifest) {
		t.Errorf("after a write: old %v, fresh %v, health %v, manifest %v", there(old), there(fresh), there(health), there(manifest))
	}
	if err := b.engine.dropManifest(manifest); err != nil {
		t.Fatal(err)
	}
	if there(fresh) || there(health) || there(manifest) {
		t.Errorf("after it was removed: fresh %v, health %v, manifest %v", there(fresh), there(health), there(manifest))
	}
	for _, path := range others {
		if !there(path) {
			t.Errorf("%s went too", path)
		}
	}
}
