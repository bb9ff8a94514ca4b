package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestSweep lays what a crash leaves beside what looks like it.
func TestSweep(t *testing.T) {
	const old, fresh = LeftoverTime + time.Minute, LeftoverTime - time.Minute
	for _, tt := range []struct {
		name string
		age  time.Duration
		idle time.Duration
		goes bool
	}{
		{".f.[md.123", old, LeftoverTime, true},
		{".f.[md.0", old, LeftoverTime, true},
		{".f.[md.123", fresh, LeftoverTime, false},
		{".f.[md.123", fresh, 0, true},
		{".f.[md.123", -old, 0, true}, // the clock was wrong once
		{".f.[md.", old, LeftoverTime, false},
		{".f.[md.12a", old, LeftoverTime, false},
		{".f.[md.health.123", old, LeftoverTime, false},
		{".f.[md.123.456", old, LeftoverTime, false},
		{"f.[md.123", old, LeftoverTime, false},
		{".g.123", old, 0, false},
		{"f.[md", old, 0, false},
	} {
		dir := t.TempDir()
		path, when := filepath.Join(dir, tt.name), time.Now().Add(-tt.age)
		check(t, os.WriteFile(path, nil, 0o600))
		check(t, os.Chtimes(path, when, when))
		check(t, os.Mkdir(filepath.Join(dir, ".f.[md.77"), 0o700))
		check(t, Sweep(filepath.Join(dir, "f.[md"), tt.idle))
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) != tt.goes {
			t.Errorf("%s, %s old, after a sweep of what is older than %s: %v", tt.name, tt.age, tt.idle, err)
		}
		if _, err := os.Stat(filepath.Join(dir, ".f.[md.77")); err != nil {
			t.Errorf("a folder went: %v", err)
		}
	}
	if err := Sweep(filepath.Join(t.TempDir(), "missing", "f"), 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
