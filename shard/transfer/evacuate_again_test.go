package transfer

import (
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

// aged makes what the journal of a leaving host tells older.
func (l *leaver) aged(by time.Duration) {
	l.t.Helper()
	v, err := openEvacuated(l.journal, time.Now())
	if err != nil {
		l.t.Fatal(err)
	}
	defer v.close()
	if _, err := v.file.Seek(0, 0); err != nil {
		l.t.Fatal(err)
	}
	var all []shard.Receipt
	for {
		_, body, err := readRecord(v.file)
		if err != nil {
			break
		}
		var r shard.Receipt
		if err := wire.Unmarshal(body, &r); err != nil {
			l.t.Fatal(err)
		}
		r.Time -= int64(by / time.Second)
		all = append(all, r)
	}
	if err := v.file.Truncate(0); err != nil {
		l.t.Fatal(err)
	}
	_, _ = v.file.Seek(0, 0)
	for _, r := range all {
		if err := v.add(r); err != nil {
			l.t.Fatal(err)
		}
	}
}

// After a day who took a shard is asked again: it has it, or takes it once more.
func TestEvacuateAsksAgainAfterADay(t *testing.T) {
	l := newLeaver(t, 5)
	l.cut(twoThree, segmentSize)
	path, _ := l.file("f", 6*segmentSize)
	manifest := l.put(path, PutOptions{}).Manifest
	l.announce(manifest)
	heir := l.addHost()
	had := len(l.mind.lots)
	leave := func(what string, sent int64) {
		t.Helper()
		r, err := l.leave(t.Context(), quiet)
		if err != nil || r.Moved != had || r.Left != 0 || r.Bytes != sent {
			t.Errorf("%s: %+v, %v, want %d bytes", what, r, err, sent)
		}
	}
	all, one := int64(0), int64(l.mind.lots[0].Offer.Length)
	for _, lot := range l.mind.lots {
		all += int64(lot.Offer.Length)
	}
	leave("first", all)
	l.known[heir.host.ID()] = true
	l.addHost() // it would take everything too
	heir.store.Lose(l.mind.lots[0].Offer.Shard)
	leave("within a day", 0)
	l.aged(believeTime + time.Hour)
	leave("after a day", one)
	if n := len(heir.store.IDs()); n != had {
		t.Errorf("the heir has %d of %d shards", n, had)
	}
	leave("right after that", 0)
}

// Who says that it has a shard, and cannot show it, gets no shard.
func TestEvacuateBelievesNoEmptyReceipt(t *testing.T) {
	l := newLeaver(t, 5)
	l.cut(twoThree, segmentSize)
	path, _ := l.file("f", 2*segmentSize)
	l.announce(l.put(path, PutOptions{}).Manifest)
	l.addLiar(exchangetest.HasItAlready)
	r, err := l.leave(t.Context(), quiet)
	if err != nil || r.Moved != 0 || r.Left != len(l.mind.lots) {
		t.Errorf("%+v, %v", r, err)
	}
}
