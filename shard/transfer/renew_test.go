package transfer

import (
	"errors"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

func TestRenewProlongsEveryLease(t *testing.T) {
	b := newBed(t, 6)
	b.cut(twoThree, segmentSize)
	path, _ := b.file("f", 70*segmentSize) // more than one page at a host
	r := b.put(path, PutOptions{Scheme: twoThree, Lease: 48 * time.Hour})
	m := b.open(r.Manifest)
	hosts, shards, err := b.engine.Renew(t.Context(), r.Manifest, 30*24*time.Hour)
	if err != nil || hosts != r.Hosts || shards != r.Segments*5 {
		t.Errorf("%d hosts, %d shards, %v: %+v", hosts, shards, err, r)
	}
	for _, k := range b.hosts {
		for _, row := range k.rows(t, m) {
			if left := time.Until(time.Unix(row.LeaseEnd, 0)); left < 29*24*time.Hour {
				t.Errorf("segment %d, index %d is kept for %s", row.Segment, row.Index, left)
			}
		}
	}
	if _, shards, err = b.engine.Renew(t.Context(), r.Manifest, time.Hour); err != nil || shards != r.Segments*5 {
		t.Errorf("shorter: %d shards, %v", shards, err)
	}
}

func TestRenewCountsWhatStands(t *testing.T) {
	b := newBed(t, 5)
	b.cut(twoThree, segmentSize)
	path, _ := b.file("f", 4*(segmentSize-shard.SealOverhead))
	r := b.put(path, PutOptions{})
	b.hosts[0].die()
	b.hosts[1].store.Lose(b.hosts[1].store.IDs()[0])
	for _, k := range b.hosts {
		b.known[k.host.ID()] = true
	}
	for name, manifest := range map[string]string{"manifest": r.Manifest, "without placements": b.displace(r.Manifest, nil, nowhere)} {
		hosts, shards, err := b.engine.Renew(t.Context(), manifest, 48*time.Hour)
		if err != nil || hosts != 4 || shards != 4*4-1 {
			t.Errorf("%s: %d hosts, %d shards, %v", name, hosts, shards, err)
		}
	}
	for _, lease := range []time.Duration{0, -time.Hour, shard.LeaseMax + time.Hour} {
		if _, _, err := b.engine.Renew(t.Context(), r.Manifest, lease); !errors.Is(err, wire.ErrBadRequest) {
			t.Errorf("lease of %s: %v", lease, err)
		}
	}
}

// A file that expires is renewed up to then, and not after.
func TestRenewKeepsToTheTimeThatTheOwnerSet(t *testing.T) {
	b := newBed(t, 3)
	path, _ := b.file("f", 1<<20)
	expires := time.Now().Add(72 * time.Hour)
	r := b.put(path, PutOptions{Lease: time.Hour, Expires: expires})
	if hosts, _, err := b.engine.Renew(t.Context(), r.Manifest, shard.LeaseDefault); err != nil || hosts != 3 {
		t.Errorf("%d hosts, %v", hosts, err)
	}
	m := b.open(r.Manifest)
	for _, k := range b.hosts {
		for _, row := range k.rows(t, m) {
			if row.LeaseEnd > expires.Unix()+1 || row.LeaseEnd < expires.Unix()-60 {
				t.Errorf("lease ends %d, the file expires %d", row.LeaseEnd, expires.Unix())
			}
		}
	}
	gone := b.put(path, PutOptions{Expires: time.Now().Add(2 * time.Second)})
	poll(t, func() bool { return time.Until(time.Unix(b.open(gone.Manifest).Private.Expires, 0)) < time.Second })
	if hosts, shards, err := b.engine.Renew(t.Context(), gone.Manifest, shard.LeaseDefault); err != nil || hosts+shards != 0 {
		t.Errorf("of a file that has expired %d shards at %d hosts were renewed, %v", shards, hosts, err)
	}
}
