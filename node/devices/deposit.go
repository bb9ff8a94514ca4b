package devices

import (
	"bytes"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/catalogue"
)

// Manifests of up to inMemory bytes are written several at a time: each waits for
// the disk, and disks make many durable in the time of one.
const (
	inMemory    = 64 << 10
	depositings = 16
)

// deposits write the manifests of one lot of answers.
type deposits struct {
	d     *Devices
	group errgroup.Group

	mu      sync.Mutex
	answers answers
}

func newDeposits(d *Devices) *deposits {
	w := &deposits{d: d}
	w.group.SetLimit(depositings)
	return w
}

// read reads the answers for a lot.
func (w *deposits) read(from io.Reader, lot []shard.FileID, manifests bool) error {
	for _, id := range lot {
		payload, err := expect(from, kindFile, maxFile)
		if err != nil {
			return err
		}
		m, err := parseFile(payload)
		if err != nil {
			return err
		}
		switch {
		case m.State == stateGone:
			w.add(&w.answers.gone, id)
		case m.State == stateOver:
		case m.State != stateHere:
			w.add(&w.answers.rest, id)
		case !manifests:
			w.add(&w.answers.here, id)
		default:
			if err := w.take(id, m, io.LimitReader(from, m.Length)); err != nil {
				return err
			}
		}
	}
	return nil
}

// add notes an answer.
func (w *deposits) add(to *[]shard.FileID, id shard.FileID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*to = append(*to, id)
}

// take reads a manifest to its end and has it written. The error is the stream's.
func (w *deposits) take(id shard.FileID, m fileMessage, body io.Reader) error {
	if m.Length > inMemory {
		w.deposit(id, m, body)
		_, err := io.Copy(io.Discard, body)
		return err
	}
	data := make([]byte, m.Length)
	if _, err := io.ReadFull(body, data); err != nil {
		return err
	}
	w.group.Go(func() error { w.deposit(id, m, bytes.NewReader(data)); return nil })
	return nil
}

func (w *deposits) deposit(id shard.FileID, m fileMessage, manifest io.Reader) {
	added := time.Unix(m.Added, 0)
	if err := w.d.cfg.List.Deposit(id, added, manifest); err != nil {
		w.d.log.Warn("a device's manifest is not taken", "locator", id.Locator(), "err", err)
		w.add(&w.answers.rest, id)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers.entries = append(w.answers.entries, catalogue.Entry{File: id, Added: added, Of: m.Of})
}
