package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/batchain/batchain/shard"
)

func TestPutGetSizes(t *testing.T) {
	b := newBed(t, 5)
	b.cut(shard.Scheme{Data: 2, Parity: 3}, 1<<20)
	const full = 1<<20 - shard.SealOverhead
	for _, size := range []int{0, 1, 63, 64<<10 - 1, 64 << 10, 64<<10 + 1, 3 << 20, full - 1, full, full + 1, 2*full + 5} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			path, content := b.file(fmt.Sprintf("f%d", size), size)
			r := b.put(path, PutOptions{})
			want := shard.Scheme{Data: 2, Parity: 3}
			if size <= shard.SmallFile {
				want = shard.Scheme{Data: 1, Parity: 4}
			}
			if r.Scheme != want || r.Shortfall != "" || r.Size != int64(size) || r.Hosts != 5 {
				t.Errorf("put: %+v, want scheme %s on 5 hosts", r, want)
			}
			b.get(r.Manifest, content)
		})
	}
}

func TestPutStream(t *testing.T) {
	b := newBed(t, 3)
	content := noise(5 << 20)
	r, err := b.engine.Put(t.Context(), Source{Stream: bytes.NewReader(content), Name: "tape", Size: -1}, PutOptions{}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := b.engine.Get(t.Context(), r.Manifest, Destination{Stream: &out}, quiet); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), content) || r.Name != "tape" {
		t.Errorf("%q came back as %d bytes of %d", r.Name, out.Len(), len(content))
	}
}

func TestAnyDataHostsAreEnough(t *testing.T) {
	b := newBed(t, 8)
	path, content := b.file("f", 3<<20)
	r := b.put(path, PutOptions{})
	if r.Scheme != (shard.Scheme{Data: 4, Parity: 4}) {
		t.Fatalf("scheme %s", r.Scheme)
	}
	for _, k := range b.hosts[:4] {
		k.die()
	}
	b.get(r.Manifest, content)
	b.hosts[4].die()
	_, err := b.engine.Get(t.Context(), r.Manifest, Destination{Path: path + ".out"}, quiet)
	var few *UnreachableError
	if !errors.As(err, &few) || few.Have != 3 || few.Need != 4 || few.Lost() {
		t.Errorf("with 3 of 4 hosts: %v", err)
	}
	if _, err := os.Stat(path + ".out"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not whole has its name: %v", err)
	}
}

func TestColocatedOnTwoHostsEitherMayDie(t *testing.T) {
	for dead := range 2 {
		b := newBed(t, 2)
		path, content := b.file("f", 2<<20)
		r := b.put(path, PutOptions{Scheme: shard.Scheme{Data: 4, Parity: 4}, Colocate: true})
		if r.Shortfall != "" || r.Hosts != 2 {
			t.Fatalf("put: %+v", r)
		}
		for s, err := range b.open(r.Manifest).Segments() {
			if err != nil || shard.Margin(r.Scheme, s.Placed) != 1 {
				t.Fatalf("segment %d: margin %d, error %v", s.Number, shard.Margin(r.Scheme, s.Placed), err)
			}
		}
		b.hosts[dead].die()
		b.get(r.Manifest, content)
	}
}

func TestPutNeedsDistinctHosts(t *testing.T) {
	b := newBed(t, 3)
	path, _ := b.file("f", 1<<20)
	_, err := b.engine.Put(t.Context(), Source{Path: path}, PutOptions{Scheme: shard.Scheme{Data: 4, Parity: 4}}, quiet)
	var short *ShortError
	if !errors.As(err, &short) || short.Need != 8 || short.Have != 3 {
		t.Errorf("8 shards on 3 hosts: %v", err)
	}
	b.hosts = nil
	if _, err = b.engine.Put(t.Context(), Source{Path: path}, PutOptions{}, quiet); !errors.As(err, &short) || short.Known != 0 {
		t.Errorf("no host at all: %v", err)
	}
}

func TestWireBytes(t *testing.T) {
	b := newBed(t, 8)
	path, _ := b.file("f", 20<<20)
	r := b.put(path, PutOptions{})
	if most := int64(20<<20) * 2 * 102 / 100; r.Sent > most || b.delivered() > most {
		t.Errorf("sent %d, delivered %d, at most %d are needed", r.Sent, b.delivered(), most)
	}
}

func TestFileChangedWhileRead(t *testing.T) {
	b := newBed(t, 3)
	path, _ := b.file("f", 20<<20)
	touched := false
	_, err := b.engine.Put(t.Context(), Source{Path: path}, PutOptions{}, func(p Progress) {
		if p.Phase == "put" && !touched {
			touched = true
			if err := os.WriteFile(path, []byte("other"), 0o600); err != nil {
				t.Error(err)
			}
		}
	})
	if !errors.Is(err, ErrChanged) {
		t.Errorf("put: %v", err)
	}
	if left, _ := os.ReadDir(b.engine.cfg.Manifests); len(left) != 0 {
		t.Errorf("a manifest was left: %v", left)
	}
}

func TestRemove(t *testing.T) {
	b := newBed(t, 5)
	path, _ := b.file("f", 1<<20)
	r := b.put(path, PutOptions{})
	b.hosts[0].die()
	removed, err := b.engine.Remove(t.Context(), r.Manifest, quiet)
	if err != nil || removed.Hosts != 5 || removed.Deleted != 4 || len(removed.Unreached) != 1 {
		t.Errorf("remove: %+v, %v", removed, err)
	}
	for _, k := range b.hosts[1:] {
		if k.store.Shards() != 0 {
			t.Error("a host keeps a shard")
		}
	}
	if _, err := os.Stat(r.Manifest); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("manifest: %v", err)
	}
}

func TestOnlyTheOwnerRemoves(t *testing.T) {
	b := newBed(t, 3)
	path, content := b.file("f", 1<<20)
	r := b.put(path, PutOptions{})
	owner := b.seed
	b.seed = shard.NewSeed()
	b.restart()
	if _, err := b.engine.Remove(t.Context(), r.Manifest, quiet); !errors.Is(err, ErrNoKey) {
		t.Errorf("a stranger removes: %v", err)
	}
	b.get(r.Manifest, content) // a reader needs no seed
	b.seed = owner
}
