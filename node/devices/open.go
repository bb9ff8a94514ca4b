package devices

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/batchain/batchain/gossip/replica"
)

// limits of the list: some 600,000 files put by one device, a million in all.
var limits = replica.Limits{
	Sources: 1024, Epochs: 256, Change: 4 << 10, SourceUpdates: 1 << 20, SourceBytes: 128 << 20, Bytes: 256 << 20, Streams: maxSessions + 4,
}

// aside is the suffix of a replica's file that is of no use.
const aside = ".aside"

// open opens the replica. A file that is of no use is set aside, and one that
// cannot be kept is done without: the list comes back from the catalogue and from
// the other devices.
func (d *Devices) open(ctx context.Context) error {
	err := d.openFile(ctx)
	if err != nil && ctx.Err() == nil {
		err = errors.Join(err, os.Rename(d.cfg.Path, d.cfg.Path+aside))
		d.log.Warn("the list that devices share cannot be read; it is set aside and made again", "path", d.cfg.Path+aside, "err", err)
		err = d.openFile(ctx)
	}
	if err != nil && ctx.Err() == nil {
		d.log.Error("the list that devices share is not kept on disk in this run", "err", err)
		d.files = replica.NewSet()
		d.replica, err = replica.New(d.files, d.replicaConfig())
	}
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for source := range d.replica.Clock() {
		d.known[source.Peer] = source.Peer != d.cfg.Host.ID()
	}
	return nil
}

func (d *Devices) openFile(ctx context.Context) (err error) {
	d.files = replica.NewSet()
	d.replica, err = replica.Open(ctx, d.cfg.Path, d.files, d.replicaConfig())
	if err != nil {
		return err
	}
	if ahead := d.replica.Ahead(); ahead > replica.MaxSkew {
		return errors.Join(fmt.Errorf("%w by %v", errAhead, ahead.Round(time.Second)), d.replica.Close())
	}
	return nil
}

// errAhead means that this machine's clock was wrong when it changed the list. The
// others would not hear of its changes before their clocks have come so far.
var errAhead = errors.New("it was written by a clock that was ahead")

// replicaConfig has no list of authors: an update that verifies was made by who
// has the key.
func (d *Devices) replicaConfig() replica.Config {
	s := signer{d.key, d.cfg.Host.ID()}
	return replica.Config{
		Doc: d.key.name(), Mesh: d.cfg.Mesh, Signer: s, Verifier: s, Limits: limits, Logger: d.log,
	}
}
