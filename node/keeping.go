package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/catalogue"
	"github.com/batchain/batchain/shard/keeper"
	"github.com/batchain/batchain/shard/transfer"
	"github.com/batchain/batchain/wire"
)

// openKeeping makes what keeps files alive: the keeper, of other people's files
// and the owner's own, and the owner's catalogue. A node for one command makes
// no rounds; it only entrusts and publishes.
func (n *Node) openKeeping(context.Context) (err error) {
	hostTime := time.Duration(0)
	if n.cfg.Client {
		hostTime = clientHostTime
	}
	cfg := keeper.Config{
		Dir: n.home.kept(), Host: n.host, Client: n.client, Engine: n.engine, Finder: n.finder, Mesh: n.cfg.Mesh,
		Own: n.ownManifests, Members: n.members, Silent: n.isQuiet, Logger: n.log.With("part", "keeper"), Registerer: n.registry,
	}
	if n.store != nil {
		cfg.Announce, cfg.Withdraw, cfg.Holds = n.announce, n.table.Withdraw, n.store.Holds
	}
	if n.keeper, err = keeper.New(cfg); err != nil {
		return err
	}
	n.catalogue, err = catalogue.New(catalogue.Config{
		Dir: string(n.home), Manifests: n.home.Manifests(), Seed: n.seed, Self: n.ID(), Mesh: n.cfg.Mesh, Client: n.client, Finder: n.finder,
		Connect: n.connect, Putter: putter{n.engine}, Logger: n.log.With("part", "catalogue"), HostTime: hostTime,
	})
	if err != nil || n.cfg.Client {
		return err
	}
	n.addPart("keeper", n.whenServing(n.keeper.Run))
	n.addPart("catalogue", n.whenServing(func(ctx context.Context) error { n.catalogue.Run(ctx); return nil }))
	n.listKeepers = &listKeepers{node: n, wanted: make(chan struct{}, 1)}
	n.addPart("list keepers", n.whenServing(n.listKeepers.Run))
	return nil
}

// ownManifests are the paths of the owner's manifests, which this node looks
// after as a keeper does.
func (n *Node) ownManifests() []string {
	entries, err := os.ReadDir(n.home.Manifests())
	if err != nil {
		n.log.Warn("manifests are not looked after", "err", err)
	}
	var paths []string
	for _, entry := range entries {
		if isManifest(entry) {
			paths = append(paths, filepath.Join(n.home.Manifests(), entry.Name()))
		}
	}
	return paths
}

// putter stores the manifests that are too large for a note.
type putter struct{ engine *transfer.Engine }

// Put stores content as a file; see [catalogue.Putter].
func (p putter) Put(ctx context.Context, name string, content io.Reader, size int64, until time.Time) (string, error) {
	r, err := p.engine.Put(ctx, transfer.Source{Stream: content, Name: name, Size: size}, transfer.PutOptions{Expires: until}, func(transfer.Progress) {})
	return r.Manifest, err
}

// Get brings it back; see [catalogue.Putter].
func (p putter) Get(ctx context.Context, manifest string, to io.Writer) error {
	_, err := p.engine.Get(ctx, manifest, transfer.Destination{Stream: to}, func(transfer.Progress) {})
	return err
}

// How long a put may take, once the file is safe, to find keepers and to leave
// word of itself, both at once; how long a command leaves word otherwise; and how
// long it waits for one host then, so that one which hangs does not use up the
// time of all.
const (
	secureTime     = 15 * time.Second
	publishTime    = 15 * time.Second
	clientHostTime = 4 * time.Second
)

// defaultKeepers is how many look after a file when nobody says otherwise.
const defaultKeepers = 3

// secure sees to it that a file which was just put outlives its owner's absence
// and machine: keepers take it, and the catalogue lists it. What cannot be done
// now does not undo the put; it is told.
func (n *Node) secure(ctx context.Context, r transfer.PutResult, req control.PutRequest) (keepers int, notes []string) {
	n.quiet.add(r.Silent, time.Now())
	ctx, cancel := context.WithTimeout(ctx, secureTime)
	defer cancel()
	var entrusted, published error
	var wait sync.WaitGroup
	wait.Go(func() { keepers, entrusted = n.entrust(ctx, r.Manifest, req) })
	if published = n.catalogue.Add(r.Manifest); published == nil {
		n.listChanged()
		wait.Go(func() { n.keepList(ctx) })
		wait.Go(func() { published = n.publish(ctx) })
	}
	wait.Wait()
	if entrusted != nil {
		notes = append(notes, "warning: "+entrusted.Error())
	}
	if published != nil {
		notes = append(notes, fmt.Sprintf("warning: recovery from the 24 words does not know this file yet: %v", published))
	}
	return keepers, notes
}

// republish leaves word of where a repaired file is now. Whoever recovers it
// without that has to look a little longer.
func (n *Node) republish(ctx context.Context, manifest string) {
	err := n.catalogue.Add(manifest)
	if errors.Is(err, catalogue.ErrNotOurs) {
		return
	}
	if err == nil {
		err = n.publish(ctx)
	}
	if err != nil {
		n.log.Info("a repaired manifest is not on the mesh yet", "manifest", manifest, "err", err)
	}
}

// publish brings the catalogue to the mesh; a node that keeps running does so
// by itself.
func (n *Node) publish(ctx context.Context) error {
	if !n.cfg.Client {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	r, err := n.catalogue.Publish(ctx)
	if err == nil && r.Waiting > 0 {
		err = fmt.Errorf("the manifests of %d files wait for hosts", r.Waiting)
	}
	return err
}

// entrust finds keepers. That the mesh has too few is worth a word only when
// they were asked for.
func (n *Node) entrust(ctx context.Context, manifest string, req control.PutRequest) (int, error) {
	count := defaultKeepers
	if req.Keepers != nil {
		count = *req.Keepers
	}
	if count == 0 {
		return 0, nil
	}
	var until time.Time
	if req.Expires > 0 {
		until = time.Now().Add(req.Expires)
	}
	took, err := n.keeper.Entrust(ctx, manifest, count, until)
	if err == nil && req.Keepers != nil && len(took) < count {
		err = fmt.Errorf("%d of %d keepers were found: they are peers that hold nothing of the file", len(took), count)
	}
	return len(took), err
}

// Keep makes this node a keeper; see [control.Backend].
func (n *Node) Keep(ctx context.Context, req control.KeepRequest, _ func(control.Progress)) (control.KeepResult, error) {
	if n.store == nil {
		return control.KeepResult{}, control.NewError(control.ExitNeedsNode, 4, "this node cannot be a keeper").
			Because("it serves nobody").Try("batchain node, without --no-storage")
	}
	l, err := locatorOf(req.Ref)
	if err == nil {
		err = n.keeper.Volunteer(ctx, req.Ref)
	}
	if err != nil {
		return control.KeepResult{}, keepFault(err, req)
	}
	return control.KeepResult{Locator: l.String()}, nil
}

// keepFault explains why a file is not kept here.
func keepFault(err error, req control.KeepRequest) error {
	switch {
	case errors.Is(err, wire.ErrFull), errors.Is(err, wire.ErrQuota):
		return control.NewError(control.ExitDiskFull, 2, "this node keeps as many files as it can").Wrap(err).Because("%v", err)
	case errors.Is(err, wire.ErrDeleted):
		return control.NewError(control.ExitNotFound, 4, "the file was deleted by its owner").Wrap(err)
	case errors.Is(err, keeper.ErrHost):
		return control.NewError(control.ExitUsage, 19, "this node cannot keep that file").Wrap(err).
			Because("%v", err).Try("the same command on a machine that holds nothing of the file")
	case errors.Is(err, keeper.ErrMesh):
		return control.NewError(control.ExitUsage, 15, "%s belongs to another mesh", req.Ref).Wrap(err).
			Because("%v", err).Try("--mesh NAME, with a home of that mesh")
	}
	return manifestFault(err, req.Ref, req.Ref)
}

// locatorOf reads whose file a manifest is about.
func locatorOf(manifest string) (shard.Locator, error) {
	src, err := os.Open(manifest)
	if err != nil {
		return shard.Locator{}, err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return shard.Locator{}, err
	}
	m, err := shard.OpenManifest(src, info.Size())
	if err != nil {
		return shard.Locator{}, err
	}
	return m.Grant.Locator, nil
}

// announce tells the mesh that a locator is here. It only queues.
func (n *Node) announce(l shard.Locator) {
	if err := n.table.Provide(context.Background(), l); err != nil {
		n.log.Warn("announcing is put off", "locator", l, "err", err)
	}
}

// locators lists what is to be found here: what is held, and what is kept.
func (n *Node) locators(ctx context.Context) iter.Seq2[shard.Locator, error] {
	return func(yield func(shard.Locator, error) bool) {
		for _, all := range []iter.Seq2[shard.Locator, error]{n.store.Locators(ctx), n.keeper.Locators(ctx)} {
			for l, err := range all {
				if !yield(l, err) {
					return
				}
			}
		}
	}
}
