package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/dustin/go-humanize/english"
)

// SampleOptions say how the sample mesh runs.
type SampleOptions struct {
	Nodes  int                                          // 0 means 8
	Dir    string                                       // its folder; "" means [SampleDir]
	Out    io.Writer                                    // told when it is up; nil tells nobody
	Logger *slog.Logger                                 // of the nodes; nil discards
	Use    func(ctx context.Context, home string) error // works with it; nil means until ctx ends
}

const sampleNodes = 8

// SampleDir is where the sample mesh of this user lives.
func SampleDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("batchain-sample-%d", os.Getuid()))
}

// SampleHome is the home of the node that a second terminal uses.
func SampleHome(dir string) string { return filepath.Join(dir, "node1") }

// Sample runs the sample mesh until ctx ends, or until Use returns, whose error
// it gives back. Its folder stays, so that files put survive a restart.
func Sample(ctx context.Context, opts SampleOptions) (err error) {
	if opts.Nodes == 0 {
		opts.Nodes = sampleNodes
	}
	if opts.Dir == "" {
		opts.Dir = SampleDir()
	}
	if err := ownFolder(opts.Dir); err != nil {
		return err
	}
	s := &stage{dir: opts.Dir, out: opts.Out, logger: opts.Logger}
	defer func() {
		for _, m := range slices.Backward(s.all) {
			err = errors.Join(err, m.stop())
		}
	}()
	members, err := s.mesh(ctx, "node", opts.Nodes)
	if err != nil {
		return err
	}
	if err := members[0].meet(ctx, opts.Nodes-1); err != nil {
		return err
	}
	if opts.Out != nil {
		fmt.Fprintf(opts.Out, "sample mesh: %s on loopback, state in %s\n", english.Plural(opts.Nodes, "node", ""), opts.Dir)
	}
	if opts.Use != nil {
		return opts.Use(ctx, SampleHome(opts.Dir))
	}
	return waitFor(ctx, members)
}

// ownFolder makes a folder that only this user can enter. One that somebody
// else laid there, or a link in its place, is refused: its name can be guessed.
func ownFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", dir)
	}
	return os.Chmod(dir, 0o700) // fails for whoever does not own it
}

// waitFor blocks until ctx ends, or until a node ends before that, which is an
// error.
func waitFor(ctx context.Context, members []*member) error {
	watch, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	for _, m := range members {
		wait.Go(func() {
			select {
			case <-m.done:
				cancel(fmt.Errorf("node %s ended: %w", m.name, errors.Join(m.stop(), ErrFailed)))
			case <-watch.Done():
			}
		})
	}
	<-watch.Done()
	wait.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(watch)
}
