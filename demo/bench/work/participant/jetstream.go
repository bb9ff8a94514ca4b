package participant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// jetStream returns NATS JetStream, whose server is this program again.
func jetStream(name string, always bool, sync string, only ...string) System {
	return System{
		Name: name, Sync: sync, Only: only,
		Missing: func() error { return nil },
		Start: func(ctx context.Context, p Place) (Queue, error) {
			port, err := freePort()
			if err != nil {
				return nil, err
			}
			q := &jetQueue{config: jetConfig{Dir: p.Dir, Port: port, Always: always, Lease: p.Lease}}
			return q, q.Revive(ctx)
		},
	}
}

// jetConfig is what the roles are told.
type jetConfig struct {
	Dir    string
	Port   int
	Always bool // every message is synced
	Lease  time.Duration
}

func (c jetConfig) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", c.Port) }

// The streams: units, which go when they are done, and outputs, which have the
// unit's number as their id, so that none is kept twice within the window.
const (
	unitStream   = "UNITS"
	unitSubject  = "units"
	outputStream = "OUTPUTS"
	outputSubj   = "outputs"
	workerName   = "workers"
	idWindow     = 10 * time.Minute
)

// jetQueue is a server, workers, and the owner's end of the streams.
type jetQueue struct {
	config  jetConfig
	server  *process
	workers workers
	conn    *nats.Conn
	js      jetstream.JetStream
	outputs jetstream.MessagesContext
	taken   uint64 // the place of the last output that was taken
}

func (q *jetQueue) Revive(ctx context.Context) (err error) {
	if q.server, err = startRole("jetstream-server", q.config); err != nil {
		return err
	}
	if q.conn == nil {
		if q.conn, err = nats.Connect(q.config.url(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond)); err != nil {
			return err
		}
		if q.js, err = jetstream.New(q.conn, jetstream.WithPublishAsyncMaxPending(4096)); err != nil {
			return err
		}
		if err = q.make(ctx); err != nil {
			return err
		}
	}
	// After a restart the connection comes back by itself, and the streams later.
	return until(ctx, func() bool { return q.listen(ctx) == nil })
}

func (q *jetQueue) make(ctx context.Context) error {
	units := jetstream.StreamConfig{Name: unitStream, Subjects: []string{unitSubject}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage}
	outputs := jetstream.StreamConfig{Name: outputStream, Subjects: []string{outputSubj}, Storage: jetstream.FileStorage, Duplicates: idWindow}
	for _, s := range []jetstream.StreamConfig{units, outputs} {
		if _, err := q.js.CreateStream(ctx, s); err != nil {
			return err
		}
	}
	_, err := q.js.CreateConsumer(ctx, unitStream, jetstream.ConsumerConfig{
		Durable: workerName, AckPolicy: jetstream.AckExplicitPolicy, AckWait: q.config.Lease, MaxAckPending: 1 << 16,
	})
	return err
}

// listen reads the outputs from the first one on that was not taken.
func (q *jetQueue) listen(ctx context.Context) error {
	consumer, err := q.js.OrderedConsumer(ctx, outputStream, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: q.taken + 1,
	})
	if err != nil {
		return err
	}
	if q.outputs != nil {
		q.outputs.Stop()
	}
	q.outputs, err = consumer.Messages()
	return err
}

func (q *jetQueue) Add(ctx context.Context, inputs [][]byte) error {
	sent := make([]jetstream.PubAckFuture, len(inputs))
	for i, input := range inputs {
		var err error
		if sent[i], err = q.js.PublishAsync(unitSubject, input, jetstream.WithStallWait(time.Minute)); err != nil {
			return err
		}
	}
	for _, s := range sent {
		select {
		case <-s.Ok():
		case err := <-s.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (q *jetQueue) Work(_ context.Context, n int, env ...string) error {
	return q.workers.startRoles(n, "jetstream", q.config, env...)
}

func (q *jetQueue) Take(ctx context.Context) ([][]byte, error) {
	m, err := q.outputs.Next(jetstream.NextContext(ctx))
	if err != nil {
		return nil, err
	}
	meta, err := m.Metadata()
	if err != nil {
		return nil, err
	}
	q.taken = meta.Sequence.Stream
	return [][]byte{m.Data()}, nil
}

func (q *jetQueue) Process() int { return q.server.cmd.Process.Pid }

func (q *jetQueue) Kill(workers int) error {
	q.server.kill()
	q.workers.kill(workers)
	return nil
}

func (q *jetQueue) Close() error {
	q.workers.stop((*process).kill)
	if q.outputs != nil {
		q.outputs.Stop()
	}
	if q.conn != nil {
		q.conn.Close()
	}
	q.server.stop()
	return nil
}

// errNotServing is returned when the server does not come up.
var errNotServing = errors.New("the server does not serve")
