package shard

import (
	"bytes"
	"crypto/ed25519"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/batchain/batchain/wire"
)

// The input is a manifest without its checksum, which is made right, so that
// the fuzzer gets past it.
func FuzzOpenManifest(f *testing.F) {
	for _, name := range []string{"read.batchain", "repair.batchain"} {
		data, err := os.ReadFile(filepath.Join(goldenDir, name))
		check(f, err)
		f.Add(data[:len(data)-endSize])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		data := withChecksum(body)
		var m *Manifest
		var err error
		if took := allocated(func() { m, err = open(data) }); took > 8<<20+64*int64(len(data)) {
			t.Fatalf("%d bytes take %d of memory", len(data), took)
		}
		if err != nil {
			return
		}
		segments := segmentsOf(t, m)
		if len(segments) != m.Count || m.Count == 0 {
			t.Fatalf("%d segments of %d", len(segments), m.Count)
		}
		for _, s := range segments {
			for _, p := range s.Placed {
				if int(p.Index) >= len(s.Shards) || int(p.Host) >= len(m.Hosts) {
					t.Fatalf("segment %d placed at %+v", s.Number, p)
				}
			}
			Margin(m.Scheme, s.Placed)
		}
		repair := mustOpen(t, export(t, m))
		sameCore(t, m, repair)
		if got := segmentsOf(t, repair); len(got) != len(segments) {
			t.Fatalf("%d segments exported of %d", len(got), len(segments))
		}
	})
}

func FuzzParseID(f *testing.F) {
	f.Add(Sum(nil).String())
	f.Add("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := ParseID(text); err == nil && id.String() != text {
			t.Fatalf("%q reads as %s", text, id)
		}
	})
}

func FuzzParseFileID(f *testing.F) {
	f.Add(fixedFile().String())
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := ParseFileID(text); err == nil && id.String() != text {
			t.Fatalf("%q reads as %s", text, id)
		}
	})
}

func FuzzParseScheme(f *testing.F) {
	for _, text := range []string{"8+12", "1+0", "255+0", "-1+3", "08+1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseScheme(text)
		if err != nil {
			wantErr(t, err, ErrScheme)
			return
		}
		if s.String() != text || s.Validate() != nil || s.Data < 1 || s.Parity < 0 || s.Shards() > MaxShards {
			t.Fatalf("%q reads as %s", text, s)
		}
	})
}

func FuzzSafeName(f *testing.F) {
	for _, name := range []string{"film.mkv", "../x", `a\..`, "C:x", ".\xff.", "\u202e", strings.Repeat("é", 200), "a/ . /"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := SafeName(name)
		if got == "" || got == "." || got == ".." || strings.ContainsAny(got, `/\:`) || len(got) > 255 || !utf8.ValidString(got) {
			t.Fatalf("%q becomes %q", name, got)
		}
		if filepath.Base(got) != got || !filepath.IsLocal(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Fatalf("%q becomes %q", name, got)
		}
		if SafeName(got) != got {
			t.Fatalf("%q becomes %q, and then %q", name, got, SafeName(got))
		}
	})
}

// The bodies below are signed after they are altered: the fuzzer has the key.

func FuzzOpenGrant(f *testing.F) {
	_, grant := fixedGrant(f)
	f.Add(grant.Body, grant.Sig, false)
	f.Add(grant.Body, []byte{}, true)
	f.Fuzz(func(t *testing.T, body, sig []byte, sign bool) {
		g, err := OpenGrant(signedBody(body, sig, sign, adminKey(), "grant"), testMesh)
		if err == nil && (len(g.Admin) != ed25519.PublicKeySize || len(g.Repair) != ed25519.PublicKeySize || g.Mesh != testMesh) {
			t.Fatalf("%+v", g)
		}
	})
}

func FuzzOpenOffer(f *testing.F) {
	g, grant := fixedGrant(f)
	offer, err := fixedOffer(f).Sign(repairKey(), testMesh)
	check(f, err)
	f.Add(offer.Body, offer.Sig, false)
	f.Add(offer.Body, []byte{}, true)
	f.Fuzz(func(t *testing.T, body, sig []byte, sign bool) {
		o, err := OpenOffer(signedBody(body, sig, sign, repairKey(), "offer"), g, GrantDigest(grant))
		if err == nil && (o.Length == 0 || o.Length > MaxShardLength || o.Segment >= MaxSegments || o.Index >= MaxShards || o.Lease > uint32(LeaseMax/time.Second)) {
			t.Fatalf("%+v", o)
		}
	})
}

func FuzzOpenReceipt(f *testing.F) {
	key, host := hostKey(f, 1)
	o := fixedOffer(f)
	good := Receipt{Grant: o.Grant, Shard: o.Shard, Segment: o.Segment, Index: o.Index, Length: o.Length, LeaseEnd: 1_705_184_000, Host: host, Time: 1_700_000_000}
	for _, end := range []int64{good.LeaseEnd, math.MinInt64, math.MaxInt64} {
		good.LeaseEnd = end
		r, err := good.Sign(key, testMesh)
		check(f, err)
		f.Add(r.Body, r.Sig, true)
	}
	f.Fuzz(func(t *testing.T, body, sig []byte, sign bool) {
		r, err := OpenReceipt(signedBody(body, sig, sign, key, "receipt"), host, testMesh, o)
		if err == nil && (r.Shard != o.Shard || r.Grant != o.Grant || r.Host != host || r.Time < 0 || r.LeaseEnd < r.Time || r.Length != o.Length) {
			t.Fatalf("%+v", r)
		}
	})
}

func FuzzOpenOrder(f *testing.F) {
	g, grant := fixedGrant(f)
	_, host := hostKey(f, 1)
	now := time.Unix(1_700_000_000, 0)
	for _, at := range []int64{now.Unix(), math.MinInt64, math.MaxInt64} {
		order, err := Order{Grant: GrantDigest(grant), Host: host, NotAfter: at}.Sign(repairKey(), OrderList, testMesh)
		check(f, err)
		f.Add(order.Body, order.Sig, true)
	}
	f.Fuzz(func(t *testing.T, body, sig []byte, sign bool) {
		o, err := OpenOrder(signedBody(body, sig, sign, repairKey(), OrderList), g.Repair, OrderList, testMesh, GrantDigest(grant), host, now)
		if err == nil && (o.Grant != GrantDigest(grant) || o.Host != host || o.NotAfter < now.Unix()-7200) {
			t.Fatalf("%+v", o)
		}
	})
}

// signedBody signs body as it is, which need be no CBOR, or takes the signature
// given.
func signedBody(body, sig []byte, sign bool, key ed25519.PrivateKey, kind string) wire.Signed {
	if sign {
		covered := append([]byte("batchain/"+kind+"/1\x00"+testMesh), body...)
		sig = ed25519.Sign(key, covered)
	}
	return wire.Signed{Body: bytes.Clone(body), Sig: sig}
}
