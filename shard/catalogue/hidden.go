package catalogue

import (
	"path/filepath"

	"github.com/batchain/batchain/shard"
)

// Hidden returns the files of a home that only hold the manifests of others,
// see [Entry].Of, as the state in dir has them. It asks nobody and takes no
// lock; where there is no state that can be read there are none.
func Hidden(dir string) map[shard.FileID]bool {
	hidden := map[shard.FileID]bool{}
	s, err := readState(filepath.Join(dir, stateFile))
	if err != nil {
		return hidden
	}
	for _, p := range s.Pages {
		for _, r := range p.Rows {
			if r.Of != (shard.FileID{}) {
				hidden[r.File] = true
			}
		}
	}
	return hidden
}
