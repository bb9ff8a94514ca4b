package participant

import (
	"bufio"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/dispatch"
	"github.com/batchain/batchain/work/hive"
)

const (
	meshName    = "bench"
	projectName = "bench"
	programName = "unit"
)

// hiveKey is the same after a restart.
func hiveKey() (crypto.PrivKey, error) {
	key, _, err := crypto.GenerateEd25519Key(zeros{})
	return key, err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// beHive keeps a hive with one project: it adds what the owner orders, and
// reports what comes of it.
func beHive(ctx context.Context, config []byte, in io.Reader, out io.Writer) error {
	var cfg hiveConfig
	if err := json.Unmarshal(config, &cfg); err != nil {
		return err
	}
	at, h, err := openHive(cfg)
	if err != nil {
		return err
	}
	defer func() { _ = at.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return h.Run(ctx) })
	terms := work.Project{
		Name: projectName, Program: work.Program{Kind: work.Inline, Name: programName},
		Policy: cfg.Policy, Lease: cfg.Lease,
	}
	if err := h.Create(ctx, terms); err != nil {
		return err
	}
	parts.Go(func() error {
		return dispatch.NewServer(dispatch.ServerConfig{Host: at, Mesh: meshName, Hive: h}).Run(ctx)
	})
	if err := ready(out); err != nil {
		return err
	}
	reports := make(chan hiveReport, 1024)
	go func() { _ = report(out, reports) }() // the owner has gone if it fails
	parts.Go(func() error { return deliver(ctx, h, cfg.From, reports) })
	err = obey(ctx, h, in, reports)
	cancel()
	return errors.Join(err, parts.Wait())
}

func openHive(cfg hiveConfig) (host.Host, *hive.Hive, error) {
	key, err := hiveKey()
	if err != nil {
		return nil, nil, err
	}
	at, err := libp2p.New(libp2p.Identity(key), libp2p.ListenAddrStrings(fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", cfg.Port)), libp2p.DisableMetrics())
	if err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	h, err := hive.Open(hive.Config{Dir: cfg.Dir, Self: at.ID(), Logger: log})
	if err != nil {
		_ = at.Close()
		return nil, nil, err
	}
	return at, h, nil
}

// obey carries out the owner's orders, until there are no more.
func obey(ctx context.Context, h *hive.Hive, in io.Reader, reports chan<- hiveReport) error {
	orders := gob.NewDecoder(bufio.NewReader(in))
	for {
		var o hiveOrder
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		units := make([]work.Unit, len(o.Inputs))
		for i, input := range o.Inputs {
			units[i].Input = input
		}
		done := hiveReport{Added: true}
		if _, err := h.Add(ctx, projectName, units...); err != nil {
			done.Trouble = err.Error()
		}
		reports <- done
	}
}

// deliver reports outputs from one number on, until ctx ends.
func deliver(ctx context.Context, h *hive.Hive, from uint64, reports chan<- hiveReport) error {
	for chunk, err := range h.Datachunks(ctx, projectName, from) {
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case chunk.State != work.Valid:
			return fmt.Errorf("unit %d is %v: %s", chunk.Seq, chunk.State, chunk.Reason)
		}
		select {
		case reports <- hiveReport{Outputs: [][]byte{chunk.Output}}:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// report writes reports, those that wait together.
func report(out io.Writer, reports <-chan hiveReport) error {
	buffered := bufio.NewWriterSize(out, 1<<16)
	encoder := gob.NewEncoder(buffered)
	for r := range reports {
		if err := encoder.Encode(r); err != nil {
			return err
		}
		if len(reports) == 0 {
			if err := buffered.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// hiveAddress is where the bees find the hive.
func hiveAddress(cfg hiveConfig) (*peer.AddrInfo, error) {
	key, err := hiveKey()
	if err != nil {
		return nil, err
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return peer.AddrInfoFromString(fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s", cfg.Port, id))
}
