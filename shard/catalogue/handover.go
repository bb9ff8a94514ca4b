package catalogue

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/batchain/batchain/shard"
)

// Known is what this device knows of a file of the owner's.
type Known struct {
	Entry
	Gone   bool // it was deleted, here or on another device, for good
	Over   bool // its time has passed
	AtHome bool // its manifest lies at home
	// Left means that it is gone, and that the manifest at home is as old as that:
	// who imported one later wants to have it.
	Left bool
}

// Known returns what is known of files: of all that were ever listed and not yet
// forgotten, or of those named, as far as they were.
func (c *Catalogue) Known(ids ...shard.FileID) (map[shard.FileID]Known, error) {
	home, err := c.home(ids)
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	now := c.cfg.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	known := map[shard.FileID]Known{}
	add := func(r row) {
		manifest, at := home[r.File]
		known[r.File] = Known{
			Entry: Entry{File: r.File, Added: time.Unix(r.Added, 0), Of: r.Of},
			Gone:  r.Gone != 0, Over: over(r.Until, now), AtHome: at,
			Left: at && r.Gone != 0 && asOld(manifest, r.Gone),
		}
	}
	for _, id := range ids {
		if at, ok := c.state.at[id]; ok {
			add(c.state.Pages[at.page].Rows[at.row])
		}
	}
	if len(ids) > 0 {
		return known, nil
	}
	for _, p := range c.state.Pages {
		for _, r := range p.Rows {
			add(r)
		}
	}
	return known, nil
}

// asOld reports whether a manifest is no younger than its file's tombstone.
func asOld(manifest fs.DirEntry, gone int64) bool {
	info, err := manifest.Info()
	return err == nil && info.ModTime().Unix() <= gone
}

// home returns the manifests at home, of these files or, when none is named, of all.
func (c *Catalogue) home(ids []shard.FileID) (map[shard.FileID]fs.DirEntry, error) {
	home := map[shard.FileID]fs.DirEntry{}
	for _, id := range ids {
		if info, err := os.Stat(c.manifestPath(id)); err == nil {
			home[id] = fs.FileInfoToDirEntry(info)
		}
	}
	if len(ids) > 0 {
		return home, nil
	}
	entries, err := os.ReadDir(c.cfg.Manifests)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		if name, ok := strings.CutSuffix(entry.Name(), manifestSuffix); ok {
			if id, err := shard.ParseFileID(name); err == nil {
				home[id] = entry
			}
		}
	}
	return home, nil
}

// Manifest opens the manifest of a file that lies at home. The caller closes it.
func (c *Catalogue) Manifest(id shard.FileID) (*os.File, error) {
	return os.Open(c.manifestPath(id))
}

// Deposit writes a manifest that another device of the owner's hands over into
// [Config].Manifests, dated when its file was added. One that is not the manifest
// of this very file, made by the owner, is refused ([ErrNotOurs],
// [shard.ErrManifest]); a good one that is at home already stays. Errors besides:
// those of the reader and of the disk.
func (c *Catalogue) Deposit(id shard.FileID, added time.Time, manifest io.Reader) error {
	if c.owns(id) {
		return nil
	}
	err := c.writeManifest(id, added, func(w io.Writer) error {
		_, err := io.Copy(w, manifest)
		return err
	})
	if err != nil {
		return fmt.Errorf("deposit: %w", err)
	}
	return nil
}

// Enter lists files that another device has put, and whose manifests were
// deposited. That device brings them to the mesh; here they go along with the next
// change. It returns those that are not entered, as they were deleted. Errors:
// those of the disk.
func (c *Catalogue) Enter(files ...Entry) (gone []shard.FileID, err error) {
	var rows []row
	for _, e := range files {
		m, err := c.readManifest(c.manifestPath(e.File))
		if err != nil || m.file != e.File {
			c.log.Debug("manifest is not entered", "locator", e.File.Locator(), "err", err)
			continue
		}
		rows = append(rows, row{File: e.File, Added: e.Added.Unix(), Of: e.Of, Until: m.until, Noted: elsewhere})
	}
	if len(rows) == 0 {
		return nil, nil
	}
	err = c.change(func(s *state) {
		for _, r := range rows {
			switch at, known := s.at[r.File]; {
			case !known:
				s.insert(r)
			case s.Pages[at.page].Rows[at.row].Gone != 0:
				gone = append(gone, r.File)
			default:
				s.serve(r.File, r.Of)
			}
		}
	})
	return gone, err
}

// Bury notes that files were deleted on another device, for good, which tells the
// mesh. Errors: those of the disk.
func (c *Catalogue) Bury(ids ...shard.FileID) error {
	if len(ids) == 0 {
		return nil
	}
	return c.change(func(s *state) {
		for _, id := range ids {
			s.bury(id, c.cfg.Now().Unix())
		}
	})
}
