package node

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestUpgrade takes an old home through two steps, the second of which fails
// the first time: the copy of the index is from before both, and the first step
// is not repeated.
func TestUpgrade(t *testing.T) {
	h := Home(t.TempDir())
	row := filepath.Join(h.index(), "row")
	put := func(text string) error { return os.WriteFile(row, []byte(text), 0o600) }
	if err := errors.Join(os.Mkdir(h.index(), 0o700), put("old"), h.writeFormat(1)); err != nil {
		t.Fatal(err)
	}
	var ran []int
	broken := errors.New("power cut")
	steps := []migration{
		func(Home) error { ran = append(ran, 1); return put("newer") },
		func(Home) error {
			ran = append(ran, 2)
			if len(ran) == 2 {
				return broken
			}
			return put("newest")
		},
	}
	if err := h.upgrade(1, steps); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if data, _ := os.ReadFile(h.format()); string(data) != "2\n" {
		t.Errorf("format %q after the first step", data)
	}
	if err := h.upgrade(2, steps); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(h.format())
	now, _ := os.ReadFile(row)
	kept, err := os.ReadFile(h.path("index.v1/row"))
	if string(data) != "3\n" || string(now) != "newest" || string(kept) != "old" || err != nil || !slices.Equal(ran, []int{1, 2, 2}) {
		t.Errorf("format %q, index %q, copy %q (%v), steps %v", data, now, kept, err, ran)
	}
	if err := h.upgrade(3, steps); err != nil || len(ran) != 3 {
		t.Errorf("a home that is up to date: %v, steps %v", err, ran)
	}
}

func TestUpgradeWithoutIndex(t *testing.T) {
	h := Home(t.TempDir())
	if err := h.upgrade(1, []migration{func(Home) error { return nil }}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(h.path("index.v1")); err == nil {
		t.Error("a copy was made of no index")
	}
}
