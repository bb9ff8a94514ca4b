package labour

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/work/feed"
	"github.com/batchain/batchain/work/hive"
	"github.com/batchain/batchain/work/spool"
	"github.com/batchain/batchain/work/table"
)

// The kinds of feeds whose units and results are in a store.
const (
	feedTable = "table"
	feedSpool = "spool"
)

// tableFile is [table] in PROJECT.toml, and part of project.json.
type tableFile struct {
	Driver   string      `toml:"driver" json:"driver"`
	Database string      `toml:"database" json:"database"`
	Name     string      `toml:"name" json:"name"`
	Once     bool        `toml:"once" json:"once,omitempty"`
	Columns  columnsFile `toml:"columns" json:"columns"`
}

type columnsFile struct {
	ID       string `toml:"id" json:"id,omitempty"`
	Input    string `toml:"input" json:"input,omitempty"`
	Priority string `toml:"priority" json:"priority,omitempty"`
	State    string `toml:"state" json:"state,omitempty"`
	Output   string `toml:"output" json:"output,omitempty"`
	Reason   string `toml:"reason" json:"reason,omitempty"`
	Owner    string `toml:"owner" json:"owner,omitempty"`
	Seq      string `toml:"seq" json:"seq,omitempty"`
}

// spoolFile is [spool] in PROJECT.toml, and part of project.json.
type spoolFile struct {
	Dir    string `toml:"dir" json:"dir"`
	Once   bool   `toml:"once" json:"once,omitempty"`
	Settle span   `toml:"settle" json:"settle,omitzero"`
}

// checkTime is how long the look at a table may take when a project is made.
const checkTime = 20 * time.Second

// feed makes the file's path absolute, and looks whether the table will do.
func (f *tableFile) feed(ctx context.Context, d *draft, dir string) error {
	if f.Driver == table.SQLite && !filepath.IsAbs(f.Database) {
		f.Database = filepath.Join(dir, f.Database)
	}
	d.Feed, d.Total = feedSpec{Kind: feedTable, Table: f}, -1
	t, err := table.Open(f.config("nobody", nil))
	if err != nil {
		return err
	}
	defer t.Close()
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	return t.Check(ctx)
}

func (f *tableFile) config(owner string, log *slog.Logger) table.Config {
	return table.Config{Driver: f.Driver, DSN: f.Database, Table: f.Name, Columns: table.Columns(f.Columns), Owner: owner, Logger: log}
}

// feed makes the folder's path absolute. The folder may be missing, the one that
// it is in may not.
func (f *spoolFile) feed(d *draft, dir string) error {
	if f.Dir == "" {
		return errors.New("spool: dir is needed")
	}
	if !filepath.IsAbs(f.Dir) {
		f.Dir = filepath.Join(dir, f.Dir)
	}
	if _, err := os.Stat(filepath.Dir(f.Dir)); err != nil {
		return fileFault(err, filepath.Dir(f.Dir))
	}
	d.Feed, d.Total = feedSpec{Kind: feedSpool, Spool: f}, -1
	return nil
}

// closingStore is a store that is opened and closed here.
type closingStore interface {
	feed.Store
	io.Closer
}

// store opens the store of a project that has one.
func (l *Labour) store(p *project) (s closingStore, once bool, err error) {
	owner := l.cfg.Host.ID().String() + "/" + p.Project.Name
	if p.Feed.Kind == feedTable {
		s, err = table.Open(p.Feed.Table.config(owner, l.log))
		return s, p.Feed.Table.Once, err
	}
	f := p.Feed.Spool
	s, err = spool.Open(spool.Config{Dir: f.Dir, Owner: owner, Settle: f.Settle.Duration, Logger: l.log})
	return s, f.Once, err
}

func (s *feedSpec) stored() bool { return s.Kind == feedTable || s.Kind == feedSpool }

// serveStore keeps a project in step with its store until it is over, and has its
// validator judge.
func (l *Labour) serveStore(ctx context.Context, h *hive.Hive, p *project, owner hive.Handlers) error {
	s, once, err := l.store(p)
	if err != nil {
		return err
	}
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return h.Serve(ctx, p.Project.Name, owner) })
	parts.Go(func() error {
		return feed.Run(ctx, feed.Config{
			Hive: h, Project: p.Project.Name, Store: s, Once: once, Logger: l.log, Registerer: l.cfg.Registerer,
			Trouble: func(err error) { l.setTrouble(p, err) },
		})
	})
	err = parts.Wait()
	if closing := s.Close(); err == nil && closing != nil {
		err = fmt.Errorf("store of project %s: %w", p.Project.Name, closing)
	}
	return err
}
