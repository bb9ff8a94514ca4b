package node_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/shard"
)

// TestAdoptOwnerKey: a key replaces none, and one that has no files; whatever it
// replaces is kept.
func TestAdoptOwnerKey(t *testing.T) {
	ours, theirs := shard.NewSeed(), shard.NewSeed()
	var busy *node.HomeBusy
	for name, test := range map[string]struct {
		has   *shard.Seed
		files bool
		runs  bool
		want  func(error) bool
		kept  int // keys set aside
	}{
		"none yet":            {want: isNil},
		"the same":            {has: &ours, want: isNil},
		"the same with files": {has: &ours, files: true, want: isNil},
		"the same, running":   {has: &ours, files: true, runs: true, want: isNil},
		"other":               {has: &theirs, want: isNil, kept: 1},
		"other with files":    {has: &theirs, files: true, want: func(err error) bool { return errors.Is(err, node.ErrOtherOwner) }},
		"other, running":      {has: &theirs, runs: true, want: func(err error) bool { return errors.As(err, &busy) }},
		"running without":     {runs: true, want: func(err error) bool { return errors.As(err, &busy) }},
	} {
		t.Run(name, func(t *testing.T) {
			home := filepath.Join(t.TempDir(), "home")
			must(t, os.MkdirAll(filepath.Join(home, "manifests"), 0o700))
			if test.has != nil {
				must(t, os.WriteFile(filepath.Join(home, "owner.key"), test.has[:], 0o600))
			}
			if test.files {
				manifest(t, home, "a.txt", time.Now())
			}
			if test.runs {
				n, err := node.New(within(t), node.Config{Home: home, Mesh: "test", Client: true})
				must(t, err)
				defer n.Close()
			}
			before, err := node.LoadOwnerKey(home)
			if test.has == nil && !test.runs {
				must(t, os.Remove(filepath.Join(home, "owner.key")))
			}
			must(t, err)
			err = node.AdoptOwnerKey(home, ours)
			if !test.want(err) {
				t.Errorf("got %v", err)
			}
			want := ours
			if err != nil {
				want = before
			}
			if seed, err := node.LoadOwnerKey(home); err != nil || seed != want {
				t.Errorf("the home has another key (%v)", err)
			}
			aside, err := filepath.Glob(filepath.Join(home, "owner.key.replaced-*"))
			if err != nil || len(aside) != test.kept {
				t.Fatalf("%d keys are set aside (%v)", len(aside), err)
			}
			for _, path := range aside {
				if text, err := os.ReadFile(path); err != nil || shard.Seed(text) != theirs {
					t.Errorf("another key is set aside (%v)", err)
				}
			}
		})
	}
}

func isNil(err error) bool { return err == nil }
