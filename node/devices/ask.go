package devices

import (
	"context"
	"io"
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

func (d *Devices) question(s network.Stream, lot []shard.FileID, manifests bool) (a answers, err error) {
	if err := wire.WriteMessage(s, kindAsk, askMessage{lot, manifests}); err != nil {
		return a, err
	}
	for _, id := range lot {
		payload, err := expect(s, kindFile, maxFile)
		if err != nil {
			return a, err
		}
		m, err := parseFile(payload)
		if err != nil {
			return a, err
		}
		switch {
		case m.State == stateGone:
			a.gone = append(a.gone, id)
		case m.State == stateOver:
		case m.State != stateHere:
			a.rest = append(a.rest, id)
		case !manifests:
			a.here = append(a.here, id)
		default:
			added, body := time.Unix(m.Added, 0), io.LimitReader(s, m.Length)
			if err := d.cfg.List.Deposit(id, added, body); err != nil {
				d.log.Warn("a device's manifest is not taken", "locator", id.Locator(), "err", err)
				a.rest = append(a.rest, id)
			} else {
				a.entries = append(a.entries, catalogue.Entry{File: id, Added: added, Of: m.Of})
			}
			if _, err := io.Copy(io.Discard, body); err != nil {
				return a, err
			}
		}
	}
	return a, nil
}
