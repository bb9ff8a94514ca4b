package transfer

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
)

// Whatever the others do, two good hosts bring back a file of 2+7.
var twoSeven = shard.Scheme{Data: 2, Parity: 7}

func TestGetAmongLiars(t *testing.T) {
	b := newBed(t, 2)
	for _, trick := range tricksAtFetch {
		b.addLiar(trick)
	}
	b.cut(twoSeven, segmentSize)
	path, content := b.file("f", 5*segmentSize)
	r := b.put(path, PutOptions{Scheme: twoSeven})
	if r.Hosts != 9 || r.Shortfall != "" {
		t.Fatalf("%+v", r)
	}
	b.get(r.Manifest, content)
}

func TestGetWhenHostsTurn(t *testing.T) {
	b := newBed(t, 9)
	b.cut(twoSeven, segmentSize)
	path, content := b.file("f", 5*segmentSize)
	r := b.put(path, PutOptions{Scheme: twoSeven})
	for i, trick := range tricksAtAsk {
		b.hosts[2+i].turn(t, trick)
	}
	b.get(r.Manifest, content)
}

func TestLostAndUnreachable(t *testing.T) {
	damage := func(k *keeper) {
		for _, id := range k.store.IDs() {
			k.store.Damage(id)
		}
	}
	drop := func(k *keeper) {
		for _, id := range k.store.IDs() {
			k.store.Lose(id)
		}
	}
	for name, tc := range map[string]struct {
		spoil [4]func(*keeper) // the fifth stays good
		lost  bool
	}{
		"damaged":           {[4]func(*keeper){damage, damage, damage, damage}, true},
		"gone":              {[4]func(*keeper){drop, drop, drop, drop}, true},
		"does not answer":   {[4]func(*keeper){(*keeper).die, (*keeper).die, (*keeper).die, (*keeper).die}, false},
		"one may come back": {[4]func(*keeper){drop, damage, drop, (*keeper).die}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, 5)
			path, _ := b.file("f", 1<<20)
			r := b.put(path, PutOptions{})
			for i, spoil := range tc.spoil {
				spoil(b.hosts[i])
			}
			_, err := b.engine.Get(t.Context(), r.Manifest, Destination{Path: path + ".out"}, quiet)
			var few *UnreachableError
			if !errors.As(err, &few) || few.Have != 1 || few.Need != 2 || few.Have+few.Unreachable+few.Damaged != 5 || few.Lost() != tc.lost {
				t.Errorf("lost should be %v: %v", tc.lost, err)
			}
			if few != nil && len(few.Hosts) != 4 {
				t.Errorf("the hosts said %v", few.Hosts)
			}
		})
	}
}

// A host that stalls is not waited for, however patient the exchange is.
func TestStalledFetchGetsCompany(t *testing.T) {
	b := newBed(t, 4)
	b.addLiar(exchangetest.StallsFetch)
	b.times = exchange.Timeouts{Idle: 10 * time.Minute, Answer: 10 * time.Minute}
	b.cut(twoThree, segmentSize)
	path, content := b.file("f", 8*segmentSize)
	r := b.put(path, PutOptions{})
	b.hosts[0].turn(t, exchangetest.NeverAnswers)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	began := time.Now()
	if _, err := b.engine.Get(ctx, r.Manifest, Destination{Stream: &out}, quiet); err != nil || !bytes.Equal(out.Bytes(), content) {
		t.Errorf("%d bytes of %d after %v: %v", out.Len(), len(content), time.Since(began), err)
	}
	t.Logf("two of five hosts stall: %v", time.Since(began))
}
