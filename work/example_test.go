package work_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	"os"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/test"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/bee"
	"github.com/batchain/batchain/work/hive"
)

// leibniz makes units: stretches of the series π = 4 − 4/3 + 4/5 − … of a
// thousand terms each.
type leibniz struct{ stretches uint64 }

func (l leibniz) Next(_ context.Context, n uint64) (work.Unit, error) {
	if n == l.stretches {
		return work.Unit{}, io.EOF
	}
	input, err := json.Marshal(n * 1000)
	return work.Unit{Input: input}, err
}

// sum is the program: it adds up one stretch.
func sum(_ context.Context, input []byte) ([]byte, error) {
	var first int
	if err := json.Unmarshal(input, &first); err != nil {
		return nil, err
	}
	total := 0.0
	for k := first; k < first+1000; k++ {
		total += 4 * (1 - 2*float64(k%2)) / float64(2*k+1)
	}
	return json.Marshal(total)
}

// Inline mode: the hive, three bees and the program are in one process. The
// hive's folder outlives it; run again, it goes on where it was.
func Example() {
	dir, err := os.MkdirTemp("", "hive")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	h, err := hive.Open(hive.Config{Dir: dir, Self: member()})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return h.Run(ctx) })

	programs := bee.Inline{"leibniz": sum}
	for range 3 {
		session, err := h.Session(ctx, work.Member{Peer: member()})
		if err != nil {
			log.Fatal(err)
		}
		b := bee.New(bee.Config{Hive: session, Runner: programs, Kinds: []work.Kind{work.Inline}, Names: programs.Names()})
		parts.Go(func() error { return b.Run(ctx) })
	}

	err = h.Create(ctx, work.Project{Name: "pi", Program: work.Program{Kind: work.Inline, Name: "leibniz"}})
	if err != nil {
		log.Fatal(err)
	}
	pi := 0.0
	err = h.Serve(ctx, "pi", hive.Handlers{
		Source: leibniz{stretches: 100},
		Datachunk: func(_ context.Context, c work.Datachunk) error {
			var part float64
			err := json.Unmarshal(c.Output, &part)
			pi += part
			return err
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f, right to four places: %t\n", pi, math.Abs(pi-math.Pi) < 1e-4)
	cancel()
	if err := parts.Wait(); err != nil {
		log.Fatal(err)
	}
	// Output: 3.1416, right to four places: true
}

// member makes up a peer.
func member() peer.ID {
	id, err := test.RandPeerID()
	if err != nil {
		log.Fatal(err)
	}
	return id
}
