package catalogue

import (
	"path/filepath"
	"testing"

	"github.com/batchain/batchain/shard"
)

func TestHidden(t *testing.T) {
	dir := t.TempDir()
	if got := Hidden(dir); len(got) != 0 {
		t.Errorf("of no state: %v", got)
	}
	own, holder := shard.NewFileID(), shard.NewFileID()
	s := &state{Version: stateVersion}
	s.add(row{File: own, Added: 1})
	s.add(row{File: holder, Added: 1, Of: own})
	if err := s.write(filepath.Join(dir, stateFile)); err != nil {
		t.Fatal(err)
	}
	if got := Hidden(dir); len(got) != 1 || !got[holder] {
		t.Errorf("hidden %v, not %s", got, holder)
	}
}
