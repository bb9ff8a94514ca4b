package shard

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

func fixedNote(tb tester) (Note, []byte) {
	tb.Helper()
	_, grant := fixedGrant(tb)
	blob := pattern(100)
	return Note{Grant: GrantDigest(grant), Writer: 2, Seq: 9, Length: 100, Sum: Digest(Sum(blob)), Lease: uint32(LeaseDefault / time.Second)}, blob
}

func TestOpenNote(t *testing.T) {
	g, grant := fixedGrant(t)
	digest := GrantDigest(grant)
	want, blob := fixedNote(t)
	signed, err := want.Sign(adminKey(), testMesh)
	check(t, err)
	got, err := OpenNote(signed, g, digest)
	check(t, err)
	if got != want {
		t.Fatalf("%+v came back of %+v", got, want)
	}
	check(t, got.Check(blob))
	otherMesh := g
	otherMesh.Mesh = "other"
	_, err = OpenNote(signed, otherMesh, digest)
	wantErr(t, err, wire.ErrBadSignature)
	_, err = OpenNote(signed, g, Digest{})
	wantErr(t, err, wire.ErrBadSignature)
	byRepairer, err := want.Sign(repairKey(), testMesh)
	check(t, err)
	_, err = OpenNote(byRepairer, g, digest)
	wantErr(t, err, wire.ErrBadSignature)
	for name, row := range map[string]struct {
		change func(*Note)
		want   error
	}{
		"one byte":        {func(n *Note) { n.Length = 1 }, nil},
		"as long as may":  {func(n *Note) { n.Length = MaxNote }, nil},
		"no byte":         {func(n *Note) { n.Length = 0 }, wire.ErrTooBig},
		"a byte too many": {func(n *Note) { n.Length = MaxNote + 1 }, wire.ErrTooBig},
		"2³²−1 bytes":     {func(n *Note) { n.Length = math.MaxUint32 }, wire.ErrTooBig},
		"no lease":        {func(n *Note) { n.Lease = 0 }, wire.ErrBadRequest},
		"longest lease":   {func(n *Note) { n.Lease = uint32(LeaseMax / time.Second) }, nil},
		"too long":        {func(n *Note) { n.Lease = uint32(LeaseMax/time.Second) + 1 }, wire.ErrBadRequest},
		"for ever":        {func(n *Note) { n.Lease = math.MaxUint32 }, wire.ErrBadRequest},
	} {
		n := want
		row.change(&n)
		signed, err := n.Sign(adminKey(), testMesh)
		check(t, err)
		if _, err := OpenNote(signed, g, digest); row.want == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if row.want != nil {
			wantErr(t, err, row.want)
		}
	}
}

func TestNoteCheck(t *testing.T) {
	n, blob := fixedNote(t)
	for i := range blob {
		other := bytes.Clone(blob)
		other[i] ^= 1
		wantErr(t, n.Check(other), wire.ErrDamaged)
	}
	for _, other := range [][]byte{nil, blob[:99], append(bytes.Clone(blob), 0)} {
		wantErr(t, n.Check(other), wire.ErrDamaged)
	}
	n.Length++ // and the sum is right
	wantErr(t, n.Check(blob), wire.ErrDamaged)
}

func TestOpenNoteReceipt(t *testing.T) {
	n, _ := fixedNote(t)
	key, host := hostKey(t, 1)
	otherKey, other := hostKey(t, 2)
	now := int64(1_700_000_000)
	good := NoteReceipt{Grant: n.Grant, Writer: n.Writer, Seq: n.Seq, Sum: n.Sum, LeaseEnd: now + int64(n.Lease), Host: host, Time: now}
	slack := int64(ClockSlack / time.Second)
	for name, row := range map[string]struct {
		change func(*NoteReceipt)
		want   error
	}{
		"right":            {func(*NoteReceipt) {}, nil},
		"longer":           {func(r *NoteReceipt) { r.LeaseEnd += 1 << 40 }, nil},
		"within the slack": {func(r *NoteReceipt) { r.LeaseEnd -= slack }, nil},
		"short":            {func(r *NoteReceipt) { r.LeaseEnd -= slack + 1 }, wire.ErrBadRequest},
		"backwards":        {func(r *NoteReceipt) { r.Time, r.LeaseEnd = math.MaxInt64, math.MinInt64 }, wire.ErrBadRequest},
		"before 1970":      {func(r *NoteReceipt) { r.Time = math.MinInt64 }, wire.ErrBadRequest},
		"another grant":    {func(r *NoteReceipt) { r.Grant[0]++ }, wire.ErrBadSignature},
		"another writer":   {func(r *NoteReceipt) { r.Writer++ }, wire.ErrBadSignature},
		"an older one":     {func(r *NoteReceipt) { r.Seq-- }, wire.ErrBadSignature},
		"a newer one":      {func(r *NoteReceipt) { r.Seq++ }, wire.ErrBadSignature},
		"another blob":     {func(r *NoteReceipt) { r.Sum[31]++ }, wire.ErrBadSignature},
		"another host":     {func(r *NoteReceipt) { r.Host = other }, wire.ErrBadSignature},
	} {
		r := good
		row.change(&r)
		signed, err := r.Sign(key, testMesh)
		check(t, err)
		if got, err := OpenNoteReceipt(signed, host, testMesh, n); row.want == nil && (err != nil || got != r) {
			t.Errorf("%s: %+v, %v", name, got, err)
		} else if row.want != nil && err == nil {
			t.Errorf("%s: opens", name)
		} else if row.want != nil {
			wantErr(t, err, row.want)
		}
	}
	forged, err := good.Sign(otherKey, testMesh)
	check(t, err)
	_, err = OpenNoteReceipt(forged, host, testMesh, n)
	wantErr(t, err, wire.ErrBadSignature)
	signed, err := good.Sign(key, testMesh)
	check(t, err)
	_, err = OpenNoteReceipt(signed, host, "other", n)
	wantErr(t, err, wire.ErrBadSignature)
	if _, err := OpenNoteReceipt(signed, peer.ID("nobody"), testMesh, n); err == nil {
		t.Error("a peer without a key has a receipt")
	}
	check(t, good.Timely(time.Unix(now, 0)))
	wantErr(t, good.Timely(time.Unix(now, 0).Add(ClockSlack+time.Minute)), wire.ErrExpired)
}

func FuzzOpenNote(f *testing.F) {
	g, grant := fixedGrant(f)
	n, blob := fixedNote(f)
	signed, err := n.Sign(adminKey(), testMesh)
	check(f, err)
	f.Add(signed.Body, signed.Sig, false, blob)
	f.Add(signed.Body, []byte{}, true, blob)
	f.Fuzz(func(t *testing.T, body, sig []byte, sign bool, blob []byte) {
		n, err := OpenNote(signedBody(body, sig, sign, adminKey(), "note"), g, GrantDigest(grant))
		if err != nil {
			return
		}
		if n.Length == 0 || n.Length > MaxNote || n.Lease == 0 || n.Lease > uint32(LeaseMax/time.Second) || n.Grant != GrantDigest(grant) {
			t.Fatalf("%+v", n)
		}
		if n.Check(blob) == nil && Digest(Sum(blob)) != n.Sum {
			t.Fatal("another blob passes")
		}
	})
}

func FuzzOpenNoteReceipt(f *testing.F) {
	key, host := hostKey(f, 1)
	n, _ := fixedNote(f)
	good := NoteReceipt{Grant: n.Grant, Writer: n.Writer, Seq: n.Seq, Sum: n.Sum, LeaseEnd: 1_705_184_000, Host: host, Time: 1_700_000_000}
	for _, end := range []int64{good.LeaseEnd, math.MinInt64, math.MaxInt64} {
		good.LeaseEnd = end
		r, err := good.Sign(key, testMesh)
		check(f, err)
		f.Add(r.Body, r.Sig, true)
	}
	f.Fuzz(func(t *testing.T, body, sig []byte, sign bool) {
		r, err := OpenNoteReceipt(signedBody(body, sig, sign, key, "note-receipt"), host, testMesh, n)
		if err == nil && (r.Sum != n.Sum || r.Seq != n.Seq || r.Host != host || r.Time < 0 || r.LeaseEnd < r.Time) {
			t.Fatalf("%+v", r)
		}
	})
}
