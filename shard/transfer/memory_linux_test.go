package transfer

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
)

// sieve keeps data shards only, and lets the others fall.
type sieve struct {
	*exchangetest.Store
	data int // shards of a segment that are kept

	mu     *sync.Mutex
	fallen *[]shard.Held // what it promised and let fall
}

// Renew prolongs what fell as well.
func (s sieve) Renew(grant shard.Grant, spots []shard.Spot, lease time.Duration, after []byte, limit int) ([]shard.Held, []byte, error) {
	if after == nil || len(after) == 4 {
		rows, next, err := s.Store.Renew(grant, spots, lease, after, limit)
		if err == nil && next == nil {
			next = []byte{0, 0}
		}
		return rows, next, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := int(binary.BigEndian.Uint16(after))
	rows := (*s.fallen)[at:min(at+limit, len(*s.fallen))]
	if at += len(rows); at == len(*s.fallen) {
		return rows, nil, nil
	}
	return rows, binary.BigEndian.AppendUint16(nil, uint16(at)), nil
}

func (s sieve) Receive(ctx context.Context, lot shard.Lot, ready func(int64) (io.Reader, error)) (time.Time, error) {
	if int(lot.Offer.Index) < s.data {
		return s.Store.Receive(ctx, lot, ready)
	}
	from, err := ready(0)
	if err == nil {
		_, err = io.Copy(io.Discard, from)
	}
	end := time.Now().Add(time.Duration(lot.Offer.Lease) * time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	*s.fallen = append(*s.fallen, shard.Held{Shard: lot.Offer.Shard, Segment: lot.Offer.Segment, Index: lot.Offer.Index, Length: lot.Offer.Length, LeaseEnd: end.Unix()})
	return end, err
}

// resident reads a line of /proc/self/status, in bytes.
func resident(line string) (bytes int64) {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), line+":")
	_, _ = fmt.Sscan(rest, &bytes)
	return bytes << 10
}

// childMemory puts a generated stream, or gets a file into nothing, and tells
// the manifest and by how much the process grew at its peak.
func childMemory() int {
	o, e, end, err := childEngine()
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	defer end()
	idle, manifest := resident("VmRSS"), o.Path
	if o.Path == "" {
		var r PutResult
		source := Source{Stream: io.LimitReader(rand.NewChaCha8([32]byte{}), o.Stream), Name: "generated", Size: -1}
		r, err = e.Put(context.Background(), source, PutOptions{}, quiet)
		manifest = r.Manifest
	} else {
		_, err = e.Get(context.Background(), o.Path, Destination{Stream: io.Discard}, quiet)
	}
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("done", manifest, resident("VmHWM")-idle)
	return 0
}

// TestMemoryDoesNotGrowWithTheFile runs the owner as a process of its own, with
// 22 hosts, scheme 8+12 and the default budget.
func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	if underRace {
		t.Skip("the race detector doubles what a process needs")
	}
	const most = 128 << 20
	measure := func(b *bed, o order) (manifest string, grown int64) {
		line := b.play("memory", o, 0)
		if _, err := fmt.Sscanf(line, "done %s %d", &manifest, &grown); err != nil {
			t.Fatal(line)
		}
		return manifest, grown
	}
	for _, tc := range []struct {
		size int64
		keep int // data shards: only a file that is kept can be got
		long bool
	}{{100 << 20, 8, false}, {1 << 30, 0, true}} {
		if tc.long && testing.Short() {
			continue
		}
		b := newBed(t, 0)
		for range 22 {
			b.addSieve(tc.keep)
		}
		manifest, grown := measure(b, order{Stream: tc.size})
		t.Logf("put of %d MiB: %d MiB above idle", tc.size>>20, grown>>20)
		if grown > most {
			t.Errorf("put of %d MiB grew by %d MiB", tc.size>>20, grown>>20)
		}
		if tc.keep == 0 {
			continue
		}
		_, grown = measure(b, order{Path: manifest})
		t.Logf("get of %d MiB: %d MiB above idle", tc.size>>20, grown>>20)
		if grown > most {
			t.Errorf("get of %d MiB grew by %d MiB", tc.size>>20, grown>>20)
		}
	}
}

// addSieve adds a host that keeps the first shards of each segment only.
func (b *bed) addSieve(data int) {
	k := b.addHost()
	k.stop()
	k.keeps = sieve{k.store, data, &sync.Mutex{}, &[]shard.Held{}}
	k.serve(b.t)
}
