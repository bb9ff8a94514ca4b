package transfer

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
)

// order tells a child what to do. It comes on its standard input.
type order struct {
	Home     string
	Budget   int
	Seed     []byte
	Hosts    []peer.AddrInfo
	Path     string // file to put, manifest to get or to mend
	Out      string
	Stream   int64  // bytes to generate and put
	FileSize uint64 // the largest file it may write; 0 = any
}

// listed is a Finder of fixed hosts.
type listed []peer.AddrInfo

func (l listed) Candidates(context.Context) iter.Seq[peer.AddrInfo] { return slices.Values(l) }
func (l listed) Find(context.Context, shard.Locator) iter.Seq[peer.AddrInfo] {
	return slices.Values(l[:0])
}
func (l listed) FindPeer(context.Context, peer.ID) (peer.AddrInfo, error) {
	return peer.AddrInfo{}, os.ErrNotExist
}

// childEngine reads the order and makes the engine that it asks for.
func childEngine() (o order, e *Engine, end func() error, err error) {
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return o, nil, nil, err
	}
	if o.FileSize > 0 {
		limit := syscall.Rlimit{Cur: o.FileSize, Max: o.FileSize}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return o, nil, nil, err
		}
	}
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableRelay())
	if err != nil {
		return o, nil, nil, err
	}
	e = New(Config{
		Host: h, Client: exchange.NewClient(h, mesh, exchange.Timeouts{}), Finder: listed(o.Hosts), Mesh: mesh, Seed: shard.Seed(o.Seed),
		Journal: filepath.Join(o.Home, "journal"), Manifests: filepath.Join(o.Home, "manifests"), Budget: o.Budget,
	})
	return o, e, h.Close, nil
}

// tell prints a line for every report, and the outcome last.
func tell(p Progress) { fmt.Println(p.Phase, p.Done) }

func childPut() int {
	o, e, end, err := childEngine()
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	defer end()
	r, err := e.Put(context.Background(), Source{Path: o.Path}, PutOptions{}, tell)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("done", r.Manifest)
	return 0
}

func childGet() int {
	o, e, end, err := childEngine()
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	defer end()
	r, err := e.Get(context.Background(), o.Path, Destination{Path: o.Out}, tell)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("done", r.Path)
	return 0
}

// play starts this binary again for a part, and kills it at the given line of
// its output, 0 = never. It returns the last line.
func (b *bed) play(part string, o order, killAt int) string {
	b.t.Helper()
	o.Home, o.Budget, o.Seed = b.home, b.budget, b.seed[:]
	for _, k := range b.hosts {
		o.Hosts = append(o.Hosts, k.info())
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childPart+"="+part)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	if err := json.NewEncoder(in).Encode(o); err != nil {
		b.t.Fatal(err)
	}
	last := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		last = lines.Text()
		if killAt--; killAt == 0 {
			_ = cmd.Process.Kill() // SIGKILL: nothing is flushed, nobody is told
			break
		}
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait() // a killed child says so
	return last
}

func TestPutIsKilledAgainAndAgain(t *testing.T) {
	b := newCutBed(t)
	const segments = 12
	path, content := b.file("f", segments*(segmentSize-shard.SealOverhead))
	random := rand.New(rand.NewPCG(3, 4))
	var last string
	kills := 0
	for killAt := 1; ; kills++ {
		receipts := 0
		if len(b.journals()) > 0 {
			receipts = b.receipts(b.journal())
		}
		before := b.delivered()
		last = b.play("put", order{Path: path}, killAt)
		shards := int((b.delivered() - before) / (segmentSize / 2))
		if most := segments*5 - receipts; shards > most {
			t.Fatalf("%d shards were sent, %d had no receipt", shards, most)
		}
		if strings.HasPrefix(last, "done ") {
			break
		}
		killAt = 2 + random.IntN(22)
	}
	manifest := strings.TrimPrefix(last, "done ")
	needed, most := int64(segments*5*segmentSize/2), int64(kills*inFlight*5*segmentSize/2)
	t.Logf("%d kills: %d bytes arrived, %d were needed", kills, b.delivered(), needed)
	if b.delivered() > needed+most {
		t.Errorf("%d bytes arrived, %d were needed, at most %d were in flight", b.delivered(), needed, most)
	}
	if left := b.journals(); len(left) != 0 {
		t.Errorf("journals: %v", left)
	}
	b.get(manifest, content)
}
