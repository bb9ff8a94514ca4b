package devices

import (
	"context"
	"slices"
	"time"

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
// to take. With manifests it deposits those that the device has. With a device that
// does not answer the session ends, so that it holds up nobody.
func (d *Devices) ask(ctx context.Context, p peer.ID, files []shard.FileID, manifests bool, take func(answers) error) error {
	if len(files) == 0 {
		return nil
	}
	opening, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	s, err := d.stream(opening, p, purposeAsk)
	if err != nil {
		d.part(p)
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	for lot := range slices.Chunk(files, maxAsked) {
		a, err := d.question(paced{s}, lot, manifests)
		if err != nil {
			_ = s.Reset()
			d.part(p)
			return err
		}
		if err := take(a); err != nil {
			_ = s.Reset()
			return err
		}
	}
	return s.Close()
}

// askTime is how long a device that the list is shared with may take to hear a question.
const askTime = 5 * time.Second

func (d *Devices) question(s network.Stream, lot []shard.FileID, manifests bool) (answers, error) {
	if err := wire.WriteMessage(s, kindAsk, askMessage{lot, manifests}); err != nil {
		return answers{}, err
	}
	w := newDeposits(d)
	err := w.read(s, lot, manifests)
	_ = w.group.Wait() // nil
	return w.answers, err
}
