package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// badDisk fails where it is told to and writes down what it did.
type badDisk struct {
	osDisk
	mu    sync.Mutex
	fails func(op string, written int) error // nil fails nowhere
	log   []string
}

func (d *badDisk) do(op, path string, written int, really func() error) error {
	d.mu.Lock()
	fails := d.fails
	d.mu.Unlock()
	if fails != nil {
		if err := fails(op, written); err != nil {
			return &os.PathError{Op: op, Path: path, Err: err}
		}
	}
	err := really()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.log = append(d.log, op+" "+path)
	}
	return err
}

func (d *badDisk) breakAt(fails func(op string, written int) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails = fails
}

func (d *badDisk) openTemp(path string) (f tempFile, err error) {
	err = d.do("open", path, 0, func() (err error) {
		f, err = d.osDisk.openTemp(path)
		return err
	})
	return &badFile{tempFile: f, disk: d, path: path}, err
}

func (d *badDisk) mkdir(path string) error {
	return d.do("mkdir", path, 0, func() error { return d.osDisk.mkdir(path) })
}

func (d *badDisk) rename(from, to string) error {
	return d.do("rename", to, 0, func() error { return d.osDisk.rename(from, to) })
}

func (d *badDisk) remove(path string) error {
	return d.do("remove", path, 0, func() error { return d.osDisk.remove(path) })
}

func (d *badDisk) syncFolder(path string) error {
	return d.do("sync", path, 0, func() error { return d.osDisk.syncFolder(path) })
}

// free is no room at all where it fails.
func (d *badDisk) free(path string) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails != nil && d.fails("free", 0) != nil {
		return 0, nil
	}
	return d.osDisk.free(path)
}

type badFile struct {
	tempFile
	disk    *badDisk
	path    string
	written int
}

func (f *badFile) Write(p []byte) (n int, err error) {
	err = f.disk.do("write", f.path, f.written+len(p), func() (err error) {
		n, err = f.tempFile.Write(p)
		return err
	})
	f.written += n
	return n, err
}

func (f *badFile) Sync() error { return f.disk.do("sync", f.path, 0, f.tempFile.Sync) }

// TestDiskRefuses lets each step of a commit fail: the answer is FULL, nothing
// is counted, and the next try works.
func TestDiskRefuses(t *testing.T) {
	for _, refusal := range []error{syscall.ENOSPC, syscall.EIO} {
		for _, step := range []string{"open", "write", "mkdir", "rename", "sync file", "sync top", "sync upper", "sync lower"} {
			t.Run(fmt.Sprint(refusal, " at ", step), func(t *testing.T) {
				bad := &badDisk{}
				h := newHome(t, func(s *Store) { s.disk = bad })
				o := newOwner(t, 1)
				data := randomBytes(400_000)
				lot := o.lot(t, data, 0, 0)
				synced := 0
				bad.breakAt(func(op string, written int) error {
					if op == "sync" {
						synced++
					}
					switch {
					case op == step && op != "write",
						step == "write" && op == "write" && written > 300_000,
						step == "sync file" && op == "sync" && synced == 1,
						step == "sync top" && op == "sync" && synced == 2,
						step == "sync upper" && op == "sync" && synced == 3,
						step == "sync lower" && op == "sync" && synced == 4:
						return refusal
					}
					return nil
				})
				_, err := h.store.Receive(t.Context(), lot, sends(data))
				if !errors.Is(err, wire.ErrFull) || !errors.Is(err, refusal) {
					t.Fatalf("receive: %v", err)
				}
				if u := h.store.Usage(); u.Used != 0 || u.InFlight != 0 || u.Shards != 0 {
					t.Errorf("usage %+v", u)
				}
				checkWhole(t, h.store)
				bad.breakAt(nil)
				bad.log = nil
				mustReceive(t, h.store, lot, data)
				checkWhole(t, h.store)
				lower := filepath.Dir(h.store.path(lot.Offer.Shard))
				again := map[string]string{"sync top": h.store.dir, "sync upper": filepath.Dir(lower), "sync lower": lower}
				if folder := again[step]; folder != "" && !slices.Contains(bad.log, "sync "+folder) {
					t.Error("the folder that would not sync was not synced again")
				}
			})
		}
	}
}

// TestRefusedRemoval keeps counting a deleted shard's bytes until they are
// gone.
func TestRefusedRemoval(t *testing.T) {
	bad := &badDisk{}
	h := newHome(t, func(s *Store) { s.disk = bad })
	o := newOwner(t, 1)
	data := randomBytes(1000)
	mustReceive(t, h.store, o.lot(t, data, 0, 0), data)
	bad.breakAt(func(op string, _ int) error {
		if op == "remove" {
			return syscall.EIO
		}
		return nil
	})
	if _, err := h.store.Delete(o.grant); !errors.Is(err, syscall.EIO) {
		t.Fatalf("delete: %v", err)
	}
	if u := h.store.Usage(); u.Used != diskSize(1000) || u.Shards != 0 {
		t.Errorf("usage %+v while the file lies there", u)
	}
	if _, _, err := h.store.Open(shard.Sum(data)); !errors.Is(err, wire.ErrNotFound) {
		t.Errorf("deleted shard: %v", err)
	}
	bad.breakAt(nil)
	if err := h.store.tidy(); err != nil {
		t.Fatal(err)
	}
	checkWhole(t, h.store)
}

// TestCommitOrder holds the steps of a commit to the order that a power cut
// asks for.
func TestCommitOrder(t *testing.T) {
	bad := &badDisk{}
	h := newHome(t, func(s *Store) {
		s.disk = bad
		s.crash = func(point string) {
			if point == "index synced" {
				bad.mu.Lock()
				defer bad.mu.Unlock()
				bad.log = append(bad.log, "index")
			}
		}
	})
	o := newOwner(t, 1)
	data := randomBytes(1000)
	lot := o.lot(t, data, 0, 0)
	bad.log = nil
	mustReceive(t, h.store, lot, data)

	file := h.store.path(lot.Offer.Shard)
	temp := h.store.tempPath(nameTransfer(lot.Offer))
	lower := filepath.Dir(file)
	upper := filepath.Dir(lower)
	want := []string{
		"write " + temp, "write " + temp, "sync " + temp,
		"mkdir " + upper, "sync " + h.store.dir, "mkdir " + lower, "sync " + upper,
		"rename " + file, "sync " + lower, "index",
	}
	intent := slices.Index(bad.log, "index")
	if rename := slices.Index(bad.log, "rename "+file); intent < 0 || intent > rename {
		t.Error("the intent was not synced before the rename")
	}
	got := slices.Delete(slices.Clone(bad.log), intent, intent+1)
	got = slices.DeleteFunc(got, func(line string) bool { return strings.HasPrefix(line, "open") })
	if !slices.Equal(got, want) {
		t.Errorf("steps of a commit:\n%s\nwanted:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestFolderSyncedAgain makes a folder whose parent would not sync: the next
// shard in it must try again, though the folder is there now.
func TestFolderSyncedAgain(t *testing.T) {
	bad := &badDisk{}
	f := &folders{disk: bad, root: t.TempDir()}
	if _, err := f.ensure([32]byte{1, 1}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		hash   [32]byte
		parent string
	}{
		{[32]byte{1, 2}, filepath.Join(f.root, "01")},
		{[32]byte{2, 1}, f.root},
	} {
		bad.breakAt(func(op string, _ int) error {
			if op == "sync" {
				return syscall.EIO
			}
			return nil
		})
		if _, err := f.ensure(c.hash); !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
		bad.breakAt(nil)
		bad.log = nil
		if _, err := f.ensure(c.hash); err != nil || !slices.Contains(bad.log, "sync "+c.parent) {
			t.Errorf("folder %x: %v, did %q", c.hash[:2], err, bad.log)
		}
	}
}
