package transfer

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// A host that a remove did not reach is told later, by whichever process runs
// then, and its shards go.
func TestRemoveIsFinishedLater(t *testing.T) {
	b := newBed(t, 5)
	path, _ := b.file("f", 1<<20)
	r := b.put(path, PutOptions{})
	b.hosts[0].stop()
	removed, err := b.engine.Remove(t.Context(), r.Manifest, quiet)
	if err != nil || len(removed.Unreached) != 1 || !removed.Noted {
		t.Fatalf("remove: %+v, %v", removed, err)
	}
	b.restart()
	if left, err := b.engine.FinishRemoves(t.Context()); left != 1 || err != nil || b.hosts[0].store.Shards() == 0 {
		t.Errorf("it is still away: %d are left, %v", left, err)
	}
	b.hosts[0].serve(t)
	if left, err := b.engine.FinishRemoves(t.Context()); left != 0 || err != nil || b.hosts[0].store.Shards() != 0 {
		t.Errorf("it is back: %d are left, %v; it has %d shards", left, err, b.hosts[0].store.Shards())
	}
	if files := b.engine.unremovedFiles(); len(files) != 0 {
		t.Errorf("still to be told: %v", files)
	}
}

// A host that is away costs its time once in a pass, however many files it has.
func TestSilentHostIsAskedOnceAPass(t *testing.T) {
	b := newBed(t, 3)
	var manifests []string
	for _, name := range []string{"f", "g", "h"} {
		path, _ := b.file(name, 1<<10)
		manifests = append(manifests, b.put(path, PutOptions{}).Manifest)
	}
	b.hosts[0].die()
	for _, m := range manifests {
		if r, err := b.engine.Remove(t.Context(), m, quiet); err != nil || !r.Noted {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	looked := 0
	b.lost = func(peer.ID) { looked++ }
	if left, err := b.engine.FinishRemoves(t.Context()); left != 3 || err != nil || looked != 1 {
		t.Errorf("%d are left, %v; it was looked for %d times", left, err, looked)
	}
}

// What is remembered has bounds in time and number.
func TestWhatIsNotRemembered(t *testing.T) {
	b := newBed(t, 0)
	many := make([]peer.ID, maxUnremovedAt+1)
	if noted, err := b.engine.noteUnremoved(shard.FileID{1}, wire.Signed{}, many); noted || err != nil {
		t.Errorf("%d hosts: %v, %v", len(many), noted, err)
	}
	old := sampleUnremoved()
	for _, since := range []time.Duration{-unremovedTime - time.Hour, unremovedTime + time.Hour} {
		old.Since = time.Now().Add(since).Unix()
		if err := b.engine.writeUnremoved(old); err != nil {
			t.Fatal(err)
		}
		if left, err := b.engine.FinishRemoves(t.Context()); left != 0 || err != nil || len(b.engine.unremovedFiles()) != 0 {
			t.Errorf("since %s: %d are left, %v", since, left, err)
		}
	}
	newer := sampleUnremoved()
	newer.Version++
	if err := b.engine.writeUnremoved(newer); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine.FinishRemoves(t.Context()); err != nil || len(b.engine.unremovedFiles()) != 1 {
		t.Errorf("a later version's is not there any more, %v", err)
	}
	for n := range maxUnremoved {
		name := filepath.Join(b.engine.cfg.Journal, hex.EncodeToString([]byte{byte(n), byte(n >> 8)})+unremovedSuffix)
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if noted, err := b.engine.noteUnremoved(shard.FileID{1}, wire.Signed{}, nil); noted || err != nil {
		t.Errorf("one more file: %v, %v", noted, err)
	}
}

func sampleUnremoved() unremoved {
	return unremoved{
		Version: 1, File: shard.FileID{1, 2}, Grant: wire.Signed{Body: []byte("grant"), Sig: []byte("signature")}, Since: 1_800_000_000,
		Hosts: []hostAddrs{{Peer: testPeer(1), Addrs: [][]byte{{4, 127, 0, 0, 1, 6, 16, 74}}}, {Peer: testPeer(2)}},
	}
}

func TestGoldenUnremoved(t *testing.T) {
	golden, err := os.ReadFile("testdata/unremoved.hex")
	if err != nil {
		t.Fatal(err)
	}
	data, err := sampleUnremoved().encode()
	if err != nil || hex.EncodeToString(data) != strings.Join(strings.Fields(string(golden)), "") {
		t.Errorf("%x, %v", data, err)
	}
	if u, err := parseUnremoved(data); err != nil || !reflect.DeepEqual(u, sampleUnremoved()) {
		t.Errorf("read back: %+v, %v", u, err)
	}
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1
		if u, err := parseUnremoved(bad); err == nil {
			t.Fatalf("byte %d is damaged: %+v", i, u)
		}
		if _, err := parseUnremoved(data[:i]); err == nil {
			t.Fatalf("%d bytes of %d are believed", i, len(data))
		}
	}
}

func FuzzUnremoved(f *testing.F) {
	data, err := sampleUnremoved().encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := parseUnremoved(data)
		if err != nil {
			return
		}
		again, err := u.encode()
		if err != nil {
			t.Fatal(err)
		}
		if v, err := parseUnremoved(again); err != nil || !reflect.DeepEqual(u, v) {
			t.Fatalf("%+v became %+v, %v", u, v, err)
		}
	})
}
