package catalogue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/batchain/batchain/shard"
)

// adopt enters the manifests at home that the state lacks: a put writes its
// manifest before it calls [Catalogue.Add]. Known files, deleted ones too, stay
// as they are.
func (c *Catalogue) adopt() error {
	unknown, err := c.unknown()
	if err != nil {
		return fmt.Errorf("catalogue: %w", err)
	}
	var rows []row
	for _, id := range unknown {
		m, err := c.readManifest(c.manifestPath(id))
		if err == nil && m.file != id {
			err = fmt.Errorf("%w: it is of another file", ErrNotOurs)
		}
		if err != nil {
			c.log.Debug("manifest is not entered", "locator", id.Locator(), "err", err)
			continue
		}
		rows = append(rows, row{File: id, Added: m.written.Unix(), Until: m.until})
	}
	if len(rows) == 0 && c.look().Owner != nil {
		return nil
	}
	return c.change(func(s *state) {
		for _, r := range rows {
			if _, known := s.at[r.File]; !known {
				s.insert(r)
			}
		}
	})
}

// unknown returns the files with a manifest at home that have no row, by the
// names of their manifests.
func (c *Catalogue) unknown() (ids []shard.FileID, err error) {
	entries, err := os.ReadDir(c.cfg.Manifests)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), manifestSuffix)
		if !ok {
			continue
		}
		id, err := shard.ParseFileID(name)
		if err != nil {
			continue
		}
		if _, known := c.state.at[id]; !known {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// atHome reports whether there is a manifest of the file at home, good or not.
func (c *Catalogue) atHome(id shard.FileID) bool {
	_, err := os.Stat(c.manifestPath(id))
	return !errors.Is(err, fs.ErrNotExist)
}
