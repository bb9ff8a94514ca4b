package keeper

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// takeManifest reads the manifest to a temp file that the caller renames or
// removes; "" when the one that is here stays.
func (k *Keeper) takeManifest(ctx context.Context, from peer.ID, c shard.Charge, g shard.Grant, known *charge, manifest io.Reader) (string, error) {
	if known != nil && !k.mayReplace(from, known) {
		_, err := io.CopyN(io.Discard, manifest, c.Manifest)
		return "", err
	}
	temp, err := disk.Temp(k.path(nameOf(g)+arrivingSuffix), func(w io.Writer) error {
		_, err := io.CopyN(w, manifest, c.Manifest)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
	if errors.Is(err, syscall.ENOSPC) {
		return "", wire.ErrFull
	} else if err != nil {
		return "", err
	}
	if err := k.checkManifest(ctx, temp, c, known); err != nil {
		return "", errors.Join(err, remove(temp))
	}
	return temp, nil
}

func (k *Keeper) mayReplace(from peer.ID, known *charge) bool {
	r, _ := k.view(known)
	_, err := os.Stat(k.manifestPath(known))
	return r.Manifest == 0 || r.From == from || err != nil
}

// checkManifest verifies every byte of a manifest that a stranger gave.
func (k *Keeper) checkManifest(ctx context.Context, path string, c shard.Charge, known *charge) error {
	k.verify.Lock()
	defer k.verify.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m, closeManifest, err := openManifest(path)
	if errors.Is(err, shard.ErrManifest) || errors.Is(err, shard.ErrNewer) {
		return wire.ErrBadRequest.With("%v", err)
	} else if err != nil {
		return err
	}
	defer closeManifest()
	if m.Key != nil {
		return wire.ErrBadRequest.With("a manifest that reads the file is not kept for others")
	}
	if m.Mesh != k.cfg.Mesh || shard.GrantDigest(m.SignedGrant) != shard.GrantDigest(c.Grant) {
		return wire.ErrBadRequest.With("the manifest is another file's")
	}
	if known == nil || known.Manifest == 0 {
		return nil
	}
	before, closeBefore, err := openManifest(k.manifestPath(known))
	if err != nil {
		return nil // nothing to compare with
	}
	defer closeBefore()
	if before.Core != m.Core {
		return wire.ErrBadRequest.With("the manifest lists other segments than the one that is kept")
	}
	return nil
}

// openManifest opens a manifest on disk, to be closed.
func openManifest(path string) (*shard.Manifest, func() error, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	var m *shard.Manifest
	if err == nil {
		m, err = shard.OpenManifest(file, info.Size())
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return m, file.Close, nil
}
