package shard

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

func fixedGrant(tb tester) (Grant, wire.Signed) {
	tb.Helper()
	g, signed, err := NewGrant(fixedSeed(), fixedFile(), testMesh)
	check(tb, err)
	return g, signed
}

func adminKey() ed25519.PrivateKey  { return fixedSeed().AdminKey(fixedFile()) }
func repairKey() ed25519.PrivateKey { return fixedSeed().FileKey(fixedFile()).RepairKey() }

func fixedOffer(tb tester) Offer {
	tb.Helper()
	_, signed := fixedGrant(tb)
	return Offer{Grant: GrantDigest(signed), Shard: Sum(pattern(64)), Segment: 7, Index: 3, Length: 64, Lease: uint32(LeaseDefault / time.Second)}
}

func signAs(tb tester, key ed25519.PrivateKey, kind, mesh string, body any) wire.Signed {
	tb.Helper()
	s, err := wire.Sign(key, wire.Domain{Kind: kind, Mesh: mesh}, body)
	check(tb, err)
	return s
}

func TestOpenGrant(t *testing.T) {
	want, signed := fixedGrant(t)
	got, err := OpenGrant(signed, testMesh)
	check(t, err)
	if !got.Admin.Equal(want.Admin) || !got.Repair.Equal(want.Repair) || got.Locator != want.Locator || got.Mesh != want.Mesh {
		t.Fatalf("%+v came back of %+v", got, want)
	}
	forged, short, noAdmin := want, want, want
	forged.Locator[0] ^= 1
	short.Repair = short.Repair[:31]
	noAdmin.Admin = nil
	foreign := want
	foreign.Mesh = "other"
	body, err := wire.Marshal(forged)
	check(t, err)
	for name, row := range map[string]struct {
		signed wire.Signed
		mesh   string
		want   error
	}{
		"another mesh":         {signed, "other", wire.ErrBadSignature},
		"another body":         {wire.Signed{Body: body, Sig: signed.Sig}, testMesh, wire.ErrBadSignature},
		"signed for a mesh":    {signAs(t, adminKey(), "grant", "other", want), testMesh, wire.ErrBadSignature},
		"names another mesh":   {signAs(t, adminKey(), "grant", testMesh, foreign), testMesh, wire.ErrBadSignature},
		"signed by repair key": {signAs(t, repairKey(), "grant", testMesh, want), testMesh, wire.ErrBadSignature},
		"signed as an offer":   {signAs(t, adminKey(), "offer", testMesh, want), testMesh, wire.ErrBadSignature},
		"short repair key":     {signAs(t, adminKey(), "grant", testMesh, short), testMesh, wire.ErrBadRequest},
		"no admin key":         {signAs(t, adminKey(), "grant", testMesh, noAdmin), testMesh, wire.ErrBadRequest},
		"nothing":              {wire.Signed{}, testMesh, wire.ErrBadRequest},
		"no signature":         {wire.Signed{Body: signed.Body}, testMesh, wire.ErrBadSignature},
	} {
		g, err := OpenGrant(row.signed, row.mesh)
		if err == nil || g.Admin != nil {
			t.Errorf("%s: opens as %+v", name, g)
			continue
		}
		wantErr(t, err, row.want)
	}
}

func TestOpenOffer(t *testing.T) {
	g, grant := fixedGrant(t)
	offer := fixedOffer(t)
	signed, err := offer.Sign(repairKey(), testMesh)
	check(t, err)
	got, err := OpenOffer(signed, g, GrantDigest(grant))
	check(t, err)
	if got != offer {
		t.Fatalf("%+v came back of %+v", got, offer)
	}
	_, err = OpenOffer(signed, g, Digest{})
	wantErr(t, err, wire.ErrBadSignature)
	for name, key := range map[string]ed25519.PrivateKey{"admin": adminKey(), "other": Seed{}.AdminKey(FileID{})} {
		signed, err := offer.Sign(key, testMesh)
		check(t, err)
		if _, err := OpenOffer(signed, g, GrantDigest(grant)); err == nil {
			t.Errorf("%s key may offer", name)
		}
	}
	most := uint32(LeaseMax / time.Second)
	for name, row := range map[string]struct {
		change func(*Offer)
		want   error
	}{
		"longest lease":    {func(o *Offer) { o.Lease = most }, nil},
		"longest shard":    {func(o *Offer) { o.Length = MaxShardLength }, nil},
		"last segment":     {func(o *Offer) { o.Segment = MaxSegments - 1 }, nil},
		"last index":       {func(o *Offer) { o.Index = MaxShards - 1 }, nil},
		"another grant":    {func(o *Offer) { o.Grant[0] ^= 1 }, wire.ErrBadSignature},
		"empty":            {func(o *Offer) { o.Length = 0 }, wire.ErrTooBig},
		"too long":         {func(o *Offer) { o.Length = MaxShardLength + 1 }, wire.ErrTooBig},
		"4 GiB":            {func(o *Offer) { o.Length = math.MaxUint32 }, wire.ErrTooBig},
		"segment too high": {func(o *Offer) { o.Segment = MaxSegments }, wire.ErrBadRequest},
		"index too high":   {func(o *Offer) { o.Index = MaxShards }, wire.ErrBadRequest},
		"lease too long":   {func(o *Offer) { o.Lease = most + 1 }, wire.ErrBadRequest},
		"lease for ever":   {func(o *Offer) { o.Lease = math.MaxUint32 }, wire.ErrBadRequest},
	} {
		o := offer
		row.change(&o)
		signed, err := o.Sign(repairKey(), testMesh)
		check(t, err)
		if _, err = OpenOffer(signed, g, GrantDigest(grant)); row.want == nil {
			check(t, err)
		} else if err == nil {
			t.Errorf("%s: opens", name)
		} else {
			wantErr(t, err, row.want)
		}
	}
}

func TestOpenReceipt(t *testing.T) {
	key, host := hostKey(t, 1)
	otherKey, other := hostKey(t, 2)
	o := fixedOffer(t)
	lease, slack := int64(o.Lease), int64(ClockSlack/time.Second)
	good := Receipt{Grant: o.Grant, Shard: o.Shard, Segment: o.Segment, Index: o.Index, Length: o.Length, LeaseEnd: 1_700_000_000 + lease, Host: host, Time: 1_700_000_000}
	for name, row := range map[string]struct {
		change func(*Receipt)
		ok     bool
	}{
		"exact":            {func(*Receipt) {}, true},
		"longer lease":     {func(r *Receipt) { r.LeaseEnd += 1 << 30 }, true},
		"at the slack":     {func(r *Receipt) { r.LeaseEnd -= slack }, true},
		"shorter lease":    {func(r *Receipt) { r.LeaseEnd -= slack + 1 }, false},
		"lease over":       {func(r *Receipt) { r.LeaseEnd = r.Time - 1 }, false},
		"before 1970":      {func(r *Receipt) { r.Time, r.LeaseEnd = -lease, lease }, false},
		"overflow":         {func(r *Receipt) { r.Time, r.LeaseEnd = 1, math.MinInt64+1 }, false},
		"overflow, other":  {func(r *Receipt) { r.Time, r.LeaseEnd = math.MaxInt64, math.MinInt64 }, false},
		"another shard":    {func(r *Receipt) { r.Shard[31] ^= 1 }, false},
		"another grant":    {func(r *Receipt) { r.Grant[0] ^= 1 }, false},
		"another segment":  {func(r *Receipt) { r.Segment++ }, false},
		"another index":    {func(r *Receipt) { r.Index++ }, false},
		"another length":   {func(r *Receipt) { r.Length-- }, false},
		"names other host": {func(r *Receipt) { r.Host = other }, false},
	} {
		r := good
		row.change(&r)
		signed, err := r.Sign(key, testMesh)
		check(t, err)
		got, err := OpenReceipt(signed, host, testMesh, o)
		if (err == nil) != row.ok || (err == nil && got != r) || (err != nil && got != Receipt{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	byOther, err := good.Sign(otherKey, testMesh)
	check(t, err)
	_, err = OpenReceipt(byOther, host, testMesh, o)
	wantErr(t, err, wire.ErrBadSignature)
	signed, err := good.Sign(key, testMesh)
	check(t, err)
	_, err = OpenReceipt(signed, host, "other", o)
	wantErr(t, err, wire.ErrBadSignature)
	_, err = OpenReceipt(signed, other, testMesh, o)
	wantErr(t, err, wire.ErrBadSignature)
	if _, err := OpenReceipt(signed, "no peer", testMesh, o); err == nil {
		t.Error("a receipt of nobody opens")
	}
}

// A small lease leaves no room for a lease that ends before it begins.
func TestOpenReceiptOfAShortLease(t *testing.T) {
	key, host := hostKey(t, 1)
	o := fixedOffer(t)
	o.Lease = 60
	r := Receipt{Grant: o.Grant, Shard: o.Shard, Segment: o.Segment, Index: o.Index, Length: o.Length, LeaseEnd: 999, Host: host, Time: 1000}
	signed, err := r.Sign(key, testMesh)
	check(t, err)
	_, err = OpenReceipt(signed, host, testMesh, o)
	wantErr(t, err, wire.ErrBadRequest)
}

func TestOpenOrder(t *testing.T) {
	g, grant := fixedGrant(t)
	_, host := hostKey(t, 1)
	_, other := hostKey(t, 2)
	now := time.Unix(1_700_000_000, 0)
	order := Order{Grant: GrantDigest(grant), Host: host, NotAfter: now.Unix(), Cursor: []byte("next")}
	signed, err := order.Sign(repairKey(), OrderList, testMesh)
	check(t, err)
	for name, row := range map[string]struct {
		key        ed25519.PublicKey
		kind, mesh string
		grant      Digest
		host       peer.ID
		now        time.Time
		want       error
	}{
		"right":           {g.Repair, OrderList, testMesh, order.Grant, host, now, nil},
		"a day before":    {g.Repair, OrderList, testMesh, order.Grant, host, now.Add(-OrderMax), nil},
		"long before":     {g.Repair, OrderList, testMesh, order.Grant, host, time.Unix(0, 0), wire.ErrBadRequest},
		"at the slack":    {g.Repair, OrderList, testMesh, order.Grant, host, now.Add(2 * time.Hour), nil},
		"past the slack":  {g.Repair, OrderList, testMesh, order.Grant, host, now.Add(2*time.Hour + time.Second), wire.ErrExpired},
		"another kind":    {g.Repair, OrderDelete, testMesh, order.Grant, host, now, wire.ErrBadSignature},
		"admin's":         {g.Admin, OrderList, testMesh, order.Grant, host, now, wire.ErrBadSignature},
		"another mesh":    {g.Repair, OrderList, "other", order.Grant, host, now, wire.ErrBadSignature},
		"another grant":   {g.Repair, OrderList, testMesh, Digest{}, host, now, wire.ErrBadSignature},
		"another host":    {g.Repair, OrderList, testMesh, order.Grant, other, now, wire.ErrBadSignature},
		"bad, and late":   {g.Admin, OrderList, testMesh, order.Grant, host, now.Add(24 * time.Hour), wire.ErrBadSignature},
		"no key whatever": {nil, OrderList, testMesh, order.Grant, host, now, wire.ErrBadSignature},
	} {
		got, err := OpenOrder(signed, row.key, row.kind, row.mesh, row.grant, row.host, row.now)
		if row.want == nil {
			if err != nil || string(got.Cursor) != "next" || got.Host != host || got.Grant != order.Grant || got.NotAfter != order.NotAfter {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		} else if err == nil {
			t.Errorf("%s: opens", name)
		} else {
			wantErr(t, err, row.want)
		}
	}
	order.NotAfter = math.MinInt64
	signed, err = order.Sign(repairKey(), OrderList, testMesh)
	check(t, err)
	_, err = OpenOrder(signed, g.Repair, OrderList, testMesh, order.Grant, host, now)
	wantErr(t, err, wire.ErrExpired)
}

func TestOpenOrderBounds(t *testing.T) {
	g, grant := fixedGrant(t)
	_, host := hostKey(t, 1)
	now := time.Unix(1_700_000_000, 0)
	longest := uint32(LeaseMax / time.Second)
	for name, row := range map[string]struct {
		order Order
		want  error
	}{
		"nothing":         {Order{}, nil},
		"64 picks":        {Order{Picks: make([]Pick, MaxPicks)}, nil},
		"65 picks":        {Order{Picks: make([]Pick, MaxPicks+1)}, wire.ErrBadRequest},
		"64 spots":        {Order{Spots: make([]Spot, MaxPicks)}, nil},
		"65 spots":        {Order{Spots: make([]Spot, MaxPicks+1)}, wire.ErrBadRequest},
		"longest lease":   {Order{Lease: longest}, nil},
		"too long":        {Order{Lease: longest + 1}, wire.ErrBadRequest},
		"lease for ever":  {Order{Lease: math.MaxUint32}, wire.ErrBadRequest},
		"good for a day":  {Order{NotAfter: int64((OrderMax + ClockSlack) / time.Second)}, nil},
		"good for longer": {Order{NotAfter: int64((OrderMax+ClockSlack)/time.Second) + 1}, wire.ErrBadRequest},
		"good for ever":   {Order{NotAfter: math.MaxInt64 - now.Unix()}, wire.ErrBadRequest},
	} {
		o := row.order
		o.Grant, o.Host = GrantDigest(grant), host
		o.NotAfter += now.Unix()
		signed, err := o.Sign(repairKey(), OrderRenew, testMesh)
		check(t, err)
		got, err := OpenOrder(signed, g.Repair, OrderRenew, testMesh, o.Grant, host, now)
		if row.want == nil && (err != nil || len(got.Picks) != len(o.Picks) || len(got.Spots) != len(o.Spots) || got.Lease != o.Lease) {
			t.Errorf("%s: %+v, %v", name, got, err)
		} else if row.want != nil && !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
}

// A receipt for a renewed lease is for whatever shard it says, under this
// grant, at this host, for the time asked.
func TestOpenRenewal(t *testing.T) {
	key, host := hostKey(t, 1)
	_, other := hostKey(t, 2)
	o := fixedOffer(t)
	now := int64(1_700_000_000)
	r := Receipt{Grant: o.Grant, Shard: o.Shard, Segment: o.Segment, Index: o.Index, Length: o.Length, LeaseEnd: now + int64(o.Lease), Host: host, Time: now}
	signed, err := r.Sign(key, testMesh)
	check(t, err)
	got, err := OpenRenewal(signed, host, testMesh, o.Grant, o.Lease)
	check(t, err)
	if got != r {
		t.Errorf("%+v came back of %+v", got, r)
	}
	for name, row := range map[string]struct {
		host  peer.ID
		mesh  string
		grant Digest
		lease uint32
		want  error
	}{
		"another host":  {other, testMesh, o.Grant, o.Lease, wire.ErrBadSignature},
		"another mesh":  {host, "other", o.Grant, o.Lease, wire.ErrBadSignature},
		"another grant": {host, testMesh, Digest{}, o.Lease, wire.ErrBadSignature},
		"a longer time": {host, testMesh, o.Grant, o.Lease + 7201, wire.ErrBadRequest},
	} {
		_, err := OpenRenewal(signed, row.host, row.mesh, row.grant, row.lease)
		if !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
	_, err = OpenRenewal(wire.Signed{Body: []byte{0xff}}, host, testMesh, o.Grant, o.Lease)
	wantErr(t, err, wire.ErrBadRequest)
}

// A signature of one kind opens as no other, whoever's key it is.
func TestKindsAreSeparate(t *testing.T) {
	key, host := hostKey(t, 1)
	pub := key.Public().(ed25519.PublicKey)
	g := Grant{Admin: pub, Repair: pub, Locator: fixedFile().Locator(), Mesh: testMesh}
	grant := signAs(t, key, "grant", testMesh, g)
	o := fixedOffer(t)
	o.Grant = GrantDigest(grant)
	now := time.Unix(1_700_000_000, 0)
	r := Receipt{Grant: o.Grant, Shard: o.Shard, Segment: o.Segment, Index: o.Index, Length: o.Length, LeaseEnd: now.Unix() + int64(o.Lease), Host: host, Time: now.Unix()}
	d := Order{Grant: o.Grant, Host: host, NotAfter: now.Unix()}
	n := Note{Grant: o.Grant, Length: 1, Lease: 60}
	nr := NoteReceipt{Grant: o.Grant, LeaseEnd: now.Unix() + 60, Host: host, Time: now.Unix()}
	bodies := map[string]any{
		"grant": g, "offer": o, "receipt": r, "core": core{Grant: o.Grant}, "note": n, "note-receipt": nr,
		OrderList: d, OrderDelete: d, OrderAudit: d, OrderRenew: d, OrderTurn: d,
	}
	openers := map[string]func(wire.Signed) error{
		"grant":        func(s wire.Signed) error { _, err := OpenGrant(s, testMesh); return err },
		"offer":        func(s wire.Signed) error { _, err := OpenOffer(s, g, o.Grant); return err },
		"receipt":      func(s wire.Signed) error { _, err := OpenReceipt(s, host, testMesh, o); return err },
		"note":         func(s wire.Signed) error { _, err := OpenNote(s, g, o.Grant); return err },
		"note-receipt": func(s wire.Signed) error { _, err := OpenNoteReceipt(s, host, testMesh, n); return err },
	}
	for _, kind := range []string{OrderList, OrderDelete, OrderAudit, OrderRenew, OrderTurn} {
		openers[kind] = func(s wire.Signed) error {
			_, err := OpenOrder(s, pub, kind, testMesh, o.Grant, host, now)
			return err
		}
	}
	for signedAs := range bodies {
		for kind, opener := range openers {
			err := opener(signAs(t, key, signedAs, testMesh, bodies[kind]))
			if (err == nil) != (kind == signedAs) {
				t.Errorf("a %s signed as a %s: %v", kind, signedAs, err)
			}
		}
	}
}

func TestPeerKey(t *testing.T) {
	key, id := hostKey(t, 3)
	got, err := PeerKey(id)
	check(t, err)
	if !got.Equal(key.Public()) {
		t.Error("another key")
	}
	_, secp, err := crypto.GenerateSecp256k1Key(rand.Reader)
	check(t, err)
	other, err := peer.IDFromPublicKey(secp)
	check(t, err)
	for _, id := range []peer.ID{"", "x", other} {
		if _, err := PeerKey(id); err == nil {
			t.Errorf("%q has an Ed25519 key", string(id))
		}
	}
}

func TestTimely(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for apart, timely := range map[time.Duration]bool{
		0: true, time.Hour: true, -time.Hour: true, ClockSlack: true, ClockSlack + time.Second: false, -24 * time.Hour: false,
	} {
		err := Receipt{Time: now.Add(apart).Unix()}.Timely(now)
		if (err == nil) != timely || err != nil && !errors.Is(err, wire.ErrExpired) {
			t.Errorf("a clock %s apart: %v", apart, err)
		}
	}
	if err := (Receipt{}).Timely(now); err == nil {
		t.Error("a receipt of 1970 is timely")
	}
}
