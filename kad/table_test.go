package kad_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-msgio/pbio"

	"github.com/batchain/batchain/kad"
)

func TestConfigIsChecked(t *testing.T) {
	h := newHost(t)
	for _, cfg := range []kad.Config{{Mesh: "test"}, {Host: h}, {Host: h, Mesh: "a/b"}} {
		if _, err := kad.New(cfg); err == nil {
			t.Errorf("mesh %q: no error", cfg.Mesh)
		}
	}
}

// TestCloseWithoutRun gives a Table up; the leak check of the package sees what
// it left behind.
func TestCloseWithoutRun(t *testing.T) {
	h := newHost(t)
	table, err := kad.New(kad.Config{Host: h, Mesh: "test", Server: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(table.Close(), table.Close()); err != nil {
		t.Error(err)
	}
	if slices.Contains(h.Mux().Protocols(), "/batchain/test/kad/1.0.0") {
		t.Error("the protocol is still served")
	}
	infos, err := table.Closest(t.Context(), []byte("key"))
	if err != nil || len(infos) > 0 {
		t.Errorf("closest: %v, %v", infos, err)
	}
	for info := range table.Find(t.Context(), locator(1)) {
		t.Errorf("found %v", info)
	}
}

func TestErrors(t *testing.T) {
	n := start(t, nil)
	if _, err := n.Closest(t.Context(), nil); err == nil {
		t.Error("closest of no key: no error")
	}
	if _, err := n.FindPeer(t.Context(), newHost(t).ID()); !errors.Is(err, kad.ErrNotFound) {
		t.Errorf("find peer: %v", err)
	}
	if _, err := n.FindPeer(t.Context(), peer.ID("nonsense")); err == nil {
		t.Error("find nonsense: no error")
	}
}

// TestProvideIsBounded fills the queue of a Table nobody runs.
func TestProvideIsBounded(t *testing.T) {
	table, err := kad.New(kad.Config{Host: newHost(t), Mesh: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = table.Close() }()
	for i := range kad.MaxPending {
		if err := table.Provide(t.Context(), locator(i)); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if err := table.Provide(t.Context(), locator(-1)); !errors.Is(err, kad.ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	if err := table.Provide(t.Context(), locator(7)); err != nil {
		t.Errorf("one that waits already: %v", err)
	}
	table.Withdraw(locator(-2))
}

// TestFindCanBeLeft stops at the first of two hosts.
func TestFindCanBeLeft(t *testing.T) {
	nodes, _ := mesh(t, 3)
	for _, n := range nodes[1:] {
		if err := n.Provide(t.Context(), locator(1)); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "both are found", func() bool { return len(nodes[0].found(locator(1))) == 2 })
	hosts := 0
	for range nodes[0].Find(t.Context(), locator(1)) {
		hosts++
		break
	}
	if hosts != 1 {
		t.Errorf("%d hosts", hosts)
	}
}

// FuzzReadAnswer reads what a peer may send in place of an answer.
func FuzzReadAnswer(f *testing.F) {
	var good bytes.Buffer
	message := pb.NewMessage(pb.Message_GET_PROVIDERS, []byte("key"), 0)
	for range 200 {
		message.ProviderPeers = append(message.ProviderPeers, &pb.Message_Peer{Id: []byte("id")})
	}
	if err := pbio.NewDelimitedWriter(&good).WriteMsg(message); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Add([]byte{5, 1, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		answer, err := kad.ReadAnswer(bytes.NewReader(data))
		if (answer == nil) == (err == nil) {
			t.Fatalf("answer %v, error %v", answer, err)
		}
		if len(answer.GetProviderPeers()) > 128 || len(answer.GetCloserPeers()) > 2*kad.BucketSize {
			t.Fatalf("%d providers, %d closer peers", len(answer.GetProviderPeers()), len(answer.GetCloserPeers()))
		}
	})
}
