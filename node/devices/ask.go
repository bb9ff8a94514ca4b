package devices

import (
	"context"
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/catalogue"
	"github.com/batchain/batchain/wire"
)

// answers are what a device says of the files of one question.
type answers struct {
	here    []shard.FileID    // it has them
	gone    []shard.FileID    // it knows that they are deleted
	rest    []shard.FileID    // neither, or their manifest is no good; what is over is none of these
	entries []catalogue.Entry // of those here whose manifests were asked for, and deposited
}

// ask asks a device about files, so many at a time, and hands each lot of answers
// to take. With manifests it deposits those that the device has.
func (d *Devices) ask(ctx context.Context, p peer.ID, files []shard.FileID, manifests bool, take func(answers) error) error {
	if len(files) == 0 {
		return nil
	}
	s, err := d.stream(ctx, p, purposeAsk)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	for lot := range slices.Chunk(files, maxAsked) {
		a, err := d.question(paced{s}, lot, manifests)
		if err == nil {
			err = take(a)
		}
		if err != nil {
			_ = s.Reset()
			return err
		}
	}
	return s.Close()
}

func (d *Devices) question(s network.Stream, lot []shard.FileID, manifests bool) (answers, error) {
	if err := wire.WriteMessage(s, kindAsk, askMessage{lot, manifests}); err != nil {
		return answers{}, err
	}
	w := newDeposits(d)
	err := w.read(s, lot, manifests)
	_ = w.group.Wait() // nil
	return w.answers, err
}
