package transfer

import (
	"errors"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
)

// Tricks that keep a host from a place, by when they show.
var (
	tricksAtAsk = []exchangetest.Trick{
		exchangetest.NeverAnswers, exchangetest.Rubbish, exchangetest.HugeFrame, exchangetest.Malformed,
		exchangetest.OtherAnswer, exchangetest.EndlessHints, exchangetest.HangsUp,
	}
	tricksAtOffer = []exchangetest.Trick{
		exchangetest.StallsOffer, exchangetest.RejectsLate, exchangetest.BreaksOffer, exchangetest.NoReceipt,
		exchangetest.ForgesReceipt, exchangetest.ShortLease, exchangetest.ReadyBeyond, exchangetest.ReplaysReceipt,
	}
	tricksAtFetch = []exchangetest.Trick{
		exchangetest.StoresWrongBytes, exchangetest.StoresNothing, exchangetest.HasItAlready, exchangetest.SendsWrongBytes,
		exchangetest.SendsShort, exchangetest.SaysOtherLength, exchangetest.StallsFetch,
	}
)

func TestLiarsAtAskGetNothing(t *testing.T) {
	b := newBed(t, 3)
	for _, trick := range tricksAtAsk {
		b.addLiar(trick)
	}
	path, content := b.file("f", 1<<20)
	r := b.put(path, PutOptions{})
	if r.Scheme != (shard.Scheme{Data: 1, Parity: 2}) || r.Hosts != 3 || r.Shortfall != "" {
		t.Errorf("3 of 10 hosts are honest: %+v", r)
	}
	b.get(r.Manifest, content)
	b.hosts = b.hosts[3:]
	_, err := b.engine.Put(t.Context(), Source{Path: path}, PutOptions{}, quiet)
	var short *ShortError
	if !errors.As(err, &short) || short.Known != len(tricksAtAsk) || short.Have != 0 || short.Segment != -1 {
		t.Errorf("among liars only: %v", err)
	}
}

func TestLiarsAtOfferAreReplaced(t *testing.T) {
	b := newBed(t, 5)
	b.cut(twoThree, segmentSize)
	liars := map[peer.ID]bool{}
	for _, trick := range tricksAtOffer {
		// Who replays has signed one good receipt, and keeps that shard.
		liars[b.addLiar(trick).host.ID()] = trick != exchangetest.ReplaysReceipt
	}
	path, content := b.file("f", 12*segmentSize)
	r := b.put(path, PutOptions{Scheme: twoThree})
	if r.Shortfall != "" {
		t.Errorf("%+v", r)
	}
	m := b.open(r.Manifest)
	for s, err := range m.Segments() {
		if err != nil || len(s.Placed) != 5 {
			t.Fatalf("segment %d: %d places, error %v", s.Number, len(s.Placed), err)
		}
		for _, at := range s.Placed {
			if liars[m.Hosts[at.Host].ID] {
				t.Errorf("segment %d: index %d is with a liar", s.Number, at.Index)
			}
		}
	}
	b.get(r.Manifest, content)
}

func TestLiarsWithoutSpares(t *testing.T) {
	for liars := 1; liars <= 2; liars++ {
		b := newBed(t, 5-liars)
		for range liars {
			b.addLiar(exchangetest.ForgesReceipt)
		}
		path, content := b.file("f", 1<<20)
		r, err := b.engine.Put(t.Context(), Source{Path: path}, PutOptions{}, quiet)
		var short *ShortError
		switch {
		case liars == 1: // 2+3 may stop at 4
			if err != nil || r.Shortfall != "segment 0 is on 4 hosts of 5" {
				t.Fatalf("%+v, %v", r, err)
			}
			b.get(r.Manifest, content)
		case !errors.As(err, &short) || short.Have != 3 || short.Need != 4 || short.Segment != 0 || short.Refused["answers nonsense"] != 2:
			t.Errorf("%v, %+v", err, short)
		}
		for _, k := range b.hosts[5-liars:] {
			if most := int64(700 << 10); k.liar.Received() > most {
				t.Errorf("a liar was sent %d bytes: its shard again and again", k.liar.Received())
			}
		}
	}
}

// A put that fell short is taken up by the next one, which sends only what is
// missing.
func TestShortPutIsFilledUp(t *testing.T) {
	b := newBed(t, 3)
	b.addLiar(exchangetest.ForgesReceipt)
	b.addLiar(exchangetest.ForgesReceipt)
	b.cut(twoThree, segmentSize)
	path, content := b.file("f", 1<<20)
	var short *ShortError
	if _, err := b.engine.Put(t.Context(), Source{Path: path}, PutOptions{}, quiet); !errors.As(err, &short) {
		t.Fatal(err)
	}
	began := b.journal()
	had := b.receipts(began)
	b.hosts = b.hosts[:3]
	b.addHost()
	b.addHost()
	b.restart()
	before := b.delivered()
	r := b.put(path, PutOptions{})
	if sent := int((b.delivered() - before) / (segmentSize / 2)); r.File != began.start.File || r.Shortfall != "" || sent > r.Segments*5-had {
		t.Errorf("%d shards were sent, %d were under receipt: %+v", sent, had, r)
	}
	b.get(r.Manifest, content)
}

// A segment that stopped short of its scheme in an earlier try is not taken for
// whole by the next.
func TestShortfallIsNotForgotten(t *testing.T) {
	b := newBed(t, 4)
	liar := b.addLiar(exchangetest.ForgesReceipt)
	b.cut(twoThree, segmentSize)
	path, _ := b.file("f", 8*segmentSize)
	if _, err := b.tryPut(Source{Path: path}, PutOptions{}, 18); err == nil {
		t.Fatal("the put was not cut short")
	}
	j := b.journal()
	if j.segments[0].done == 0 || j.segments[0].whole {
		t.Fatalf("segment 0: %+v", j.segments[0])
	}
	b.restart()
	if r := b.put(path, PutOptions{}); r.File != j.start.File || r.Shortfall == "" {
		t.Errorf("the liar is still there: %+v", r)
	}
	liar.die()
	path, content := b.file("g", 8*segmentSize)
	b.hosts = b.hosts[:4]
	b.addLiar(exchangetest.ForgesReceipt)
	b.restart()
	if _, err := b.tryPut(Source{Path: path}, PutOptions{}, 18); err == nil {
		t.Fatal("the put was not cut short")
	}
	began := b.journal().start.File
	b.addHost()
	b.restart()
	r := b.put(path, PutOptions{})
	if r.File != began || r.Shortfall != "" {
		t.Errorf("another host came: %+v", r)
	}
	for s, err := range b.open(r.Manifest).Segments() {
		if err != nil || len(s.Placed) != 5 {
			t.Errorf("segment %d: %d places, %v", s.Number, len(s.Placed), err)
		}
	}
	b.get(r.Manifest, content)
}
