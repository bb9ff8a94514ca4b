package disk

import (
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

func TestRoom(t *testing.T) {
	dir := t.TempDir()
	size, err := Size(dir)
	check(t, err)
	free, err := Free(dir)
	if err != nil || free <= 0 || free > size || size > most {
		t.Errorf("%d bytes of %d are free, %v", free, size, err)
	}
	if err := NeedRoom(dir, 0); err != nil {
		t.Error(err)
	}
	if err := NeedRoom(dir, size+1); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("more than the disk has: %v", err)
	}
	missing := filepath.Join(dir, "missing")
	if _, err := Free(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("free in a folder that is not there: %v", err)
	}
	if err := NeedRoom(missing, most); err != nil {
		t.Errorf("a folder that is not there takes nothing: %v", err)
	}
	if _, err := Size(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("size of a folder that is not there: %v", err)
	}
}

func TestSyncFolder(t *testing.T) {
	dir := t.TempDir()
	check(t, SyncFolder(dir))
	err := SyncFolder(filepath.Join(dir, "missing"))
	if runtime.GOOS != "windows" && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
