package participant

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/batchain/batchain/demo/bench/work/unit"
)

// beJetServer serves JetStream until its input ends.
func beJetServer(ctx context.Context, config []byte, in io.Reader, out io.Writer) error {
	var cfg jetConfig
	if err := json.Unmarshal(config, &cfg); err != nil {
		return err
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "bench", Host: "127.0.0.1", Port: cfg.Port, NoLog: true, NoSigs: true, DontListen: false,
		JetStream: true, StoreDir: cfg.Dir, SyncAlways: cfg.Always, JetStreamMaxStore: 8 << 30, JetStreamMaxMemory: 1 << 30,
	})
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(revival) {
		return errNotServing
	}
	if err := ready(out); err != nil {
		return err
	}
	<-untilEOF(ctx, in).Done()
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}

// done is a unit whose output is on its way.
type done struct {
	kept jetstream.PubAckFuture
	unit jetstream.Msg
}

// beJetWorker is a worker: it acknowledges a unit once the server has its output,
// and goes on meanwhile.
func beJetWorker(ctx context.Context, config []byte, in io.Reader, out io.Writer) error {
	var cfg jetConfig
	if err := json.Unmarshal(config, &cfg); err != nil {
		return err
	}
	conn, err := nats.Connect(cfg.url(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(256))
	if err != nil {
		return err
	}
	units, err := js.Consumer(ctx, unitStream, workerName)
	if err != nil {
		return err
	}
	ahead := make(chan done, 256)
	go acknowledge(ahead)
	// Units that wait here have a lease, too, so there may not be too many.
	consuming, err := units.Consume(func(m jetstream.Msg) { serveOne(js, m, ahead) }, jetstream.PullMaxMessages(256))
	if err != nil {
		return err
	}
	defer consuming.Stop()
	if err := ready(out); err != nil {
		return err
	}
	<-untilEOF(ctx, in).Done()
	return nil
}

// serveOne does one unit; what fails is done again when its lease has ended.
func serveOne(js jetstream.JetStream, m jetstream.Msg, ahead chan<- done) {
	output, err := unit.Serve(m.Data())
	if err != nil {
		return
	}
	number, _, _ := bytes.Cut(output, []byte(" "))
	kept, err := js.PublishMsgAsync(&nats.Msg{Subject: outputSubj, Data: output}, jetstream.WithMsgID(string(number)), jetstream.WithStallWait(time.Minute))
	if err != nil {
		return
	}
	ahead <- done{kept, m}
}

func acknowledge(ahead <-chan done) {
	for d := range ahead {
		select {
		case <-d.kept.Ok():
			_ = d.unit.Ack() // it is done again, and its output known, if this is lost
		case <-d.kept.Err():
		}
	}
}
