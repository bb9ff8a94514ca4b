package participant

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peerstore"

	"github.com/batchain/batchain/demo/bench/work/unit"
	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/bee"
	"github.com/batchain/batchain/work/dispatch"
)

// beBee works for the hive, as a bee that has just come: with a new name, for
// which it proves its work first.
func beBee(ctx context.Context, config []byte, in io.Reader, out io.Writer) error {
	var cfg hiveConfig
	if err := json.Unmarshal(config, &cfg); err != nil {
		return err
	}
	at, err := hiveAddress(cfg)
	if err != nil {
		return err
	}
	self, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableMetrics())
	if err != nil {
		return err
	}
	defer func() { _ = self.Close() }()
	self.Peerstore().AddAddrs(at.ID, at.Addrs, peerstore.PermanentAddrTTL)
	client := dispatch.NewClient(dispatch.ClientConfig{Host: self, Mesh: meshName, Hive: at.ID})
	programs := bee.Inline{programName: func(_ context.Context, input []byte) ([]byte, error) { return unit.Serve(input) }}
	kinds := []work.Kind{work.Inline}
	wish := work.Wish{Slots: 1, Kinds: kinds, Names: []string{"another"}}
	if _, err := client.Request(ctx, wish); err != nil && !errors.Is(err, work.ErrNoWork) {
		return err
	}
	if err := ready(out); err != nil {
		return err
	}
	return bee.New(bee.Config{Hive: client, Runner: programs, Kinds: kinds, Names: programs.Names()}).Run(untilEOF(ctx, in))
}
