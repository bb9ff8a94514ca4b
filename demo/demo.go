package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
)

// ErrUnknown means that no demo has the name.
var ErrUnknown = errors.New("no such demo")

// Info says what a demo shows.
type Info struct {
	Number int
	Name   string
	Title  string
}

// Options say how a demo tells what it does.
type Options struct {
	Out    io.Writer    // where it narrates; must be set
	Nodes  int          // of the demos that are played with any number; 0 leaves it to them
	JSON   bool         // one line of JSON a check, and nothing else
	Logger *slog.Logger // of the nodes; nil discards

	// Program is the path of batchain, for demos whose nodes are processes of
	// their own. They are skipped, and say so, when it is empty.
	Program string
}

type demo struct {
	Info
	play func(context.Context, *stage) error
}

func demos() []demo {
	return []demo{
		{Info{1, "pair", "two nodes, one writes a file to the other"}, pair},
		{Info{2, "servers", "a client spreads 8 shards over two given hosts, without the DHT"}, servers},
		{Info{3, "kademlia", "the same with hosts that the DHT finds"}, kademlia},
		{Info{4, "cli", "put, list and get through a running node"}, throughSocket},
		{Info{5, "survive", "8 hosts; as many die as the scheme allows; the file comes back"}, survive},
		{Info{6, "nat", "hosts behind NATs, in network namespaces (needs root)"}, nat},
		{Info{7, "gossip", "members join, change, die and return, and all others hear of it"}, gossiping},
		{Info{8, "work", "a workgroup computes pi and a picture, although one of its bees cheats"}, working},
	}
}

// List returns the demos in order.
func List() []Info {
	var list []Info
	for _, d := range demos() {
		list = append(list, d.Info)
	}
	return list
}

// Play plays a demo by its name or number, or "all" of them. It returns
// [ErrUnknown], [ErrFailed] when a check did not hold, or what kept it from
// playing. When it returns, every node has ended and nothing is left on disk.
func Play(ctx context.Context, name string, opts Options) error {
	chosen := slices.DeleteFunc(demos(), func(d demo) bool {
		return name != "all" && name != d.Name && name != strconv.Itoa(d.Number)
	})
	if len(chosen) == 0 {
		return fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	var errs []error
	for _, d := range chosen {
		err := d.run(ctx, opts)
		if errs = append(errs, err); err != nil && !errors.Is(err, ErrFailed) {
			break
		}
	}
	return errors.Join(errs...)
}

func (d demo) run(ctx context.Context, opts Options) error {
	dir, err := os.MkdirTemp("", "batchain-demo-")
	if err != nil {
		return err
	}
	s := &stage{name: d.Name, out: opts.Out, json: opts.JSON, logger: opts.Logger, dir: dir, nodes: opts.Nodes, program: opts.Program}
	if !s.json {
		fmt.Fprintf(s.out, "demo %d %s: %s\n", d.Number, d.Name, d.Title)
	}
	err = errors.Join(d.play(ctx, s), s.close())
	if err == nil && s.failed > 0 {
		err = fmt.Errorf("%s: %w: %d did not hold", d.Name, ErrFailed, s.failed)
	}
	return err
}
