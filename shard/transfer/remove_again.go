package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// FinishRemoves tells hosts that a remove did not reach, once each, and returns
// how many are left. What is older than 60 days is forgotten. Errors: the end of
// ctx, those of the disk.
func (e *Engine) FinishRemoves(ctx context.Context) (left int, err error) {
	silent := &silentPeers{}
	for _, path := range e.unremovedFiles() {
		u, readErr := readUnremoved(path)
		if errors.Is(readErr, fs.ErrNotExist) {
			continue
		}
		if u.Version > unremovedVersion {
			continue
		}
		age := time.Since(time.Unix(u.Since, 0))
		if readErr != nil || age > unremovedTime || age < -unremovedTime {
			e.log.InfoContext(ctx, "hosts that do not know of a delete are not told any more", "path", path, "err", readErr)
			err = errors.Join(err, os.Remove(path))
			continue
		}
		told := e.tellAgain(ctx, u, silent)
		if ctx.Err() != nil {
			return left, context.Cause(ctx)
		}
		rest, writeErr := e.settleUnremoved(u.File, told)
		left, err = left+rest, errors.Join(err, writeErr)
	}
	return left, err
}

// silentPeers are those that did not answer in this pass: each costs its time once.
type silentPeers struct{ sync.Map }

// tellAgain deletes a file at the hosts that did not hear of it, and returns those
// that did now.
func (e *Engine) tellAgain(ctx context.Context, u unremoved, silent *silentPeers) map[peer.ID]bool {
	var (
		mu    sync.Mutex
		wait  sync.WaitGroup
		told  = map[peer.ID]bool{}
		slots = make(chan struct{}, askAtOnce)
		admin = e.cfg.Seed.AdminKey(u.File)
	)
	for _, h := range u.Hosts {
		if _, is := silent.Load(h.Peer); is {
			continue
		}
		e.remember(h.info())
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			shards, err := e.deleteAt(ctx, h.Peer, u.Grant, admin)
			if err != nil {
				e.log.DebugContext(ctx, "host still does not know of a delete", "peer", h.Peer, "err", err)
				if unheard(err) {
					silent.Store(h.Peer, true)
				}
				return
			}
			e.log.InfoContext(ctx, "host was told of a delete", "peer", h.Peer, "file", u.File.Locator(), "shards", shards)
			mu.Lock()
			defer mu.Unlock()
			told[h.Peer] = true
		})
	}
	wait.Wait()
	return told
}

// settleUnremoved takes hosts off the record, and returns how many are left.
func (e *Engine) settleUnremoved(file shard.FileID, told map[peer.ID]bool) (left int, err error) {
	e.unremoved.Lock()
	defer e.unremoved.Unlock()
	u, err := readUnremoved(e.unremovedPath(file))
	if err != nil {
		return 0, fmt.Errorf("remove of %s: %w", file.Locator(), err)
	}
	before := len(u.Hosts)
	u.Hosts = slices.DeleteFunc(u.Hosts, func(h hostAddrs) bool { return told[h.Peer] })
	switch len(u.Hosts) {
	case 0:
		return 0, os.Remove(e.unremovedPath(file))
	case before:
		return before, nil
	}
	return len(u.Hosts), e.writeUnremoved(u)
}
