package shard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// refused checks that data is no manifest, whatever capability it claims.
func refused(tb tester, what string, data []byte) {
	tb.Helper()
	m, err := open(data)
	if err == nil {
		tb.Fatalf("%s: opens as %+v", what, m)
	}
	if !errors.Is(err, ErrManifest) && !errors.Is(err, ErrNewer) {
		tb.Fatalf("%s: error %v is neither ErrManifest nor ErrNewer", what, err)
	}
}

func TestEverySingleBitFlipIsTold(t *testing.T) {
	read := writeManifest(t, fixedContent(t))
	for name, data := range map[string][]byte{"read": read, "repair": export(t, mustOpen(t, read))} {
		flipped := bytes.Clone(data)
		for bit := range len(data) * 8 {
			flipped[bit/8] ^= 1 << (bit % 8)
			if _, err := open(flipped); !errors.Is(err, ErrManifest) && !errors.Is(err, ErrNewer) {
				t.Fatalf("%s manifest, bit %d of byte %d: %v", name, bit%8, bit/8, err)
			}
			flipped[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func TestEveryTruncationIsTold(t *testing.T) {
	data := writeManifest(t, fixedContent(t))
	for n := range len(data) {
		refused(t, "cut short", data[:n])
		_, err := OpenManifest(bytes.NewReader(data[:n]), int64(len(data)))
		wantErr(t, err, ErrManifest)
	}
	refused(t, "longer", append(bytes.Clone(data), 0))
	refused(t, "twice", append(bytes.Clone(data), data...))
	for _, size := range []int64{math.MinInt64, -1, 0, 1, int64(len(data)) - 1, int64(len(data)) + 1, math.MaxInt64} {
		_, err := OpenManifest(bytes.NewReader(data), size)
		wantErr(t, err, ErrManifest)
	}
}

// A byte that is missing is not taken for a zero.
func TestMissingZeroIsTold(t *testing.T) {
	for range 10_000 {
		data := writeManifest(t, fixedContent(t))
		if last := len(data) - 1; data[last] == 0 {
			_, err := OpenManifest(bytes.NewReader(data[:last]), int64(len(data)))
			wantErr(t, err, ErrManifest)
			return
		}
	}
	t.Fatal("no manifest ended in a zero")
}

// Whoever alters the core can make the checksum right, and no more than that.
func TestForgedCore(t *testing.T) {
	data := writeManifest(t, fixedContent(t))
	body := data[:len(data)-endSize]
	stride := 1
	if testing.Short() {
		stride = 37
	}
	for bit := int(openingSize) * 8; bit < coreEnd(t, data)*8; bit += stride {
		flipped := bytes.Clone(body)
		flipped[bit/8] ^= 1 << (bit % 8)
		if _, err := open(withChecksum(flipped)); err == nil {
			t.Fatalf("bit %d of byte %d is altered and nobody told", bit%8, bit/8)
		}
	}
}

// coreEnd is the offset after the core's frame.
func coreEnd(tb tester, data []byte) int {
	at := int(openingSize)
	for _, f := range splitManifest(tb, data) {
		at += wire.FrameHeaderSize + len(f.payload)
		if f.kind == kindCore {
			break
		}
	}
	return at
}

func TestCutAtAFrame(t *testing.T) {
	data := writeManifest(t, fixedContent(t))
	want := mustOpen(t, data).Core
	frames := splitManifest(t, data)
	for n := range frames {
		cut := joinManifest(frames[:n]...)
		if frames[max(0, n-1)].kind < kindCore {
			refused(t, "without its core", cut)
		} else if m := mustOpen(t, cut); m.Core != want {
			t.Error("another core")
		} else {
			segmentsOf(t, m)
		}
	}
}

func TestVersions(t *testing.T) {
	data := writeManifest(t, fixedContent(t))
	for version, want := range map[uint32]error{0: ErrManifest, 1: nil, 2: ErrNewer, math.MaxUint32: ErrNewer} {
		body := bytes.Clone(data[:len(data)-endSize])
		binary.BigEndian.PutUint32(body[len(manifestMagic):], version)
		for _, whole := range [][]byte{withChecksum(body), body[:openingSize]} {
			if _, err := open(whole); want == nil && len(whole) > int(openingSize) {
				check(t, err)
			} else if want != nil {
				wantErr(t, err, want)
			}
		}
	}
	refused(t, "another magic", withChecksum(append([]byte("Batchain"), data[8:len(data)-endSize]...)))
}

// otherManifest is of another file of the same owner.
func otherManifest(tb tester) []byte {
	c := fixedContent(tb)
	c.private.File[0] ^= 1
	return writeManifest(tb, c)
}

func TestCapabilities(t *testing.T) {
	frames := splitManifest(t, writeManifest(t, fixedContent(t)))
	others := splitManifest(t, otherManifest(t))
	key := fixedSeed().FileKey(fixedFile())
	with := func(c capability) []byte {
		return joinManifest(append([]frame{encode(t, kindCapability, c)}, frames[1:]...)...)
	}
	mustOpen(t, with(capability{capabilityRead, key[:], testMesh}))
	mustOpen(t, with(capability{capabilityRepair, repairKey().Seed(), testMesh}))
	for name, c := range map[string]capability{
		"read with the repair key":    {capabilityRead, repairKey().Seed(), testMesh},
		"repair with the file key":    {capabilityRepair, key[:], testMesh},
		"repair with the admin key":   {capabilityRepair, adminKey().Seed(), testMesh},
		"read with the key of nobody": {capabilityRead, make([]byte, 32), testMesh},
		"none":                        {0, key[:], testMesh},
		"unknown":                     {3, key[:], testMesh},
		"short key":                   {capabilityRead, key[:31], testMesh},
		"long key":                    {capabilityRead, append(key[:], 0), testMesh},
		"no key":                      {capabilityRead, nil, testMesh},
		"another mesh":                {capabilityRead, key[:], "other"},
		"no mesh":                     {capabilityRead, key[:], ""},
		"mesh of a strange name":      {capabilityRead, key[:], "a/b"},
	} {
		refused(t, name, with(c))
	}
	refused(t, "capability of another file", joinManifest(append(others[:1:1], frames[1:]...)...))
	refused(t, "no capability", joinManifest(frames[1:]...))
	refused(t, "two capabilities", joinManifest(append(frames[:1:1], frames...)...))
}

func TestPartsOfAnotherFile(t *testing.T) {
	frames := splitManifest(t, writeManifest(t, fixedContent(t)))
	others := splitManifest(t, otherManifest(t))
	again := splitManifest(t, writeManifest(t, fixedContent(t))) // the same file, put again
	for i, f := range frames {
		if f.kind > kindCore {
			continue
		}
		swapped := slices.Clone(frames)
		if swapped[i] = others[i]; !bytes.Equal(f.payload, others[i].payload) {
			refused(t, "one record of another file", joinManifest(swapped...))
		}
		if swapped[i] = again[i]; !bytes.Equal(f.payload, again[i].payload) {
			refused(t, "one record of another put", joinManifest(swapped...))
		}
	}
	swapped := slices.Clone(frames)
	swapped[2], swapped[3] = swapped[3], swapped[2]
	refused(t, "segments in another order", joinManifest(swapped...))
	refused(t, "a segment fewer", joinManifest(slices.Delete(slices.Clone(frames), 3, 4)...))
	refused(t, "a segment more", joinManifest(slices.Insert(slices.Clone(frames), 3, frames[2])...))
}

func TestCoreSaysWhatIsThere(t *testing.T) {
	frames := splitManifest(t, writeManifest(t, fixedContent(t)))
	at := slices.IndexFunc(frames, func(f frame) bool { return f.kind == kindCore })
	var signed wire.Signed
	var honest core
	check(t, wire.Unmarshal(frames[at].payload, &signed))
	check(t, wire.Unmarshal(signed.Body, &honest))
	with := func(s wire.Signed) []byte {
		return joinManifest(append(slices.Clone(frames[:at]), encode(t, kindCore, s))...)
	}
	mustOpen(t, with(signAs(t, adminKey(), "core", testMesh, honest)))
	refused(t, "signed with the repair key", with(signAs(t, repairKey(), "core", testMesh, honest)))
	refused(t, "signed as a grant", with(signAs(t, adminKey(), "grant", testMesh, honest)))
	refused(t, "signed for another mesh", with(signAs(t, adminKey(), "core", "other", honest)))
	refused(t, "not signed", with(wire.Signed{Body: signed.Body}))
	for name, change := range map[string]func(*core){
		"2³¹ segments":           func(c *core) { c.Segments = 1 << 31 },
		"segments below nothing": func(c *core) { c.Segments = -c.Segments },
		"a segment fewer":        func(c *core) { c.Segments-- },
		"other bytes":            func(c *core) { c.Sealed++ },
		"other frames":           func(c *core) { c.Frames[0] ^= 1 },
		"another grant":          func(c *core) { c.Grant[0] ^= 1 },
	} {
		c := honest
		change(&c)
		refused(t, name, with(signAs(t, adminKey(), "core", testMesh, c)))
	}
}

// The owner may be the attacker: everything below is signed and summed rightly.
func TestSignedNonsense(t *testing.T) {
	id, grant, err := NewGrant(fixedSeed(), fixedFile(), testMesh)
	check(t, err)
	key := fixedSeed().FileKey(fixedFile())
	ids := make([]byte, 5*32)
	private := func(size int64) frame {
		record, err := Private{File: fixedFile(), Size: size}.seal(key)
		check(t, err)
		return encode(t, kindPrivate, record)
	}
	build := func(data, parity int, size int64, segments ...segmentRecord) []byte {
		frames := []frame{encode(t, kindCapability, capability{capabilityRead, key[:], id.Mesh}), encode(t, kindHead, head{grant, data, parity})}
		sealed := int64(0)
		for _, s := range segments {
			frames = append(frames, encode(t, kindSegment, s))
			sealed += int64(s.Sealed)
		}
		frames = append(frames, private(size))
		var covered []byte
		for _, f := range frames[1:] {
			covered = wire.AppendFrame(covered, f.kind, f.payload)
		}
		c := core{Grant: GrantDigest(grant), Frames: Digest(Sum(covered)), Segments: len(segments), Sealed: sealed}
		return joinManifest(append(frames, encode(t, kindCore, signAs(t, adminKey(), "core", testMesh, c)))...)
	}
	good := segmentRecord{Sealed: 100, Shards: ids}
	mustOpen(t, build(2, 3, 84, good))
	mustOpen(t, build(2, 3, 0, segmentRecord{Sealed: 16, Shards: ids}))
	refused(t, "size too small", build(2, 3, 83, good))
	refused(t, "size too large", build(2, 3, 1<<50, good))
	refused(t, "no segments", build(2, 3, 0))
	refused(t, "no tag", build(2, 3, -1, segmentRecord{Sealed: 15, Shards: ids}))
	refused(t, "negative", build(2, 3, -116, segmentRecord{Sealed: -100, Shards: ids}))
	refused(t, "too long", build(2, 3, 1<<24, segmentRecord{Sealed: 16<<20 + 1, Shards: ids}))
	refused(t, "a shard fewer", build(2, 3, 84, segmentRecord{Sealed: 100, Shards: ids[:4*32]}))
	refused(t, "a byte more", build(2, 3, 84, segmentRecord{Sealed: 100, Shards: append(slices.Clip(ids), 0)}))
	refused(t, "no shards", build(0, 0, 84, segmentRecord{Sealed: 100}))
	refused(t, "scheme of no data", build(0, 5, 84, good))
	refused(t, "negative parity", build(6, -1, 84, good))
	refused(t, "256 shards", build(6, 250, 84, segmentRecord{Sealed: 100, Shards: make([]byte, 256*32)}))
	refused(t, "scheme that overflows", build(math.MaxInt, math.MaxInt, 84, good))
}

func TestPlacementsOutOfBounds(t *testing.T) {
	frames := splitManifest(t, writeManifest(t, fixedContent(t)))
	core := frames[:slices.IndexFunc(frames, func(f frame) bool { return f.kind == kindCore })+1]
	_, host := hostKey(t, 0)
	hosts := encode(t, kindHosts, hostsRecord{[]hostRecord{{Peer: host}}})
	placed := func(segment uint32, b ...byte) frame {
		return encode(t, kindPlacement, placementRecord{segment, b})
	}
	with := func(more ...frame) []byte { return joinManifest(append(slices.Clone(core), more...)...) }
	m := mustOpen(t, with(hosts, placed(1, 0, 0, 0), placed(2, 4, 0, 0, 1, 0, 0)))
	if s := segmentsOf(t, m); len(s[0].Placed) != 0 || len(s[1].Placed) != 1 || len(s[2].Placed) != 2 {
		t.Errorf("%+v", s)
	}
	mustOpen(t, with())
	mustOpen(t, with(placed(0)))
	_, second := hostKey(t, 1)
	more := encode(t, kindHosts, hostsRecord{[]hostRecord{{Peer: second}}})
	mustOpen(t, with(hosts, more, placed(0, 0, 0, 1)))
	refused(t, "a host twice", with(hosts, hosts, placed(0, 0, 0, 1)))
	refused(t, "out of order", with(hosts, placed(1, 0, 0, 0), placed(0, 0, 0, 0)))
	refused(t, "twice", with(hosts, placed(1, 0, 0, 0), placed(1, 1, 0, 0)))
	refused(t, "no such segment", with(hosts, placed(3, 0, 0, 0)))
	refused(t, "no such segment by far", with(hosts, placed(math.MaxUint32, 0, 0, 0)))
	refused(t, "no such index", with(hosts, placed(0, 5, 0, 0)))
	refused(t, "no such host", with(hosts, placed(0, 0, 0, 1)))
	refused(t, "no host at all", with(placed(0, 0, 0, 0)))
	refused(t, "half a placement", with(hosts, placed(0, 0, 0)))
	refused(t, "hosts after placements", with(hosts, placed(0, 0, 0, 0), hosts))
	refused(t, "a host without id", with(encode(t, kindHosts, hostsRecord{make([]hostRecord, 1)})))
	refused(t, "a second core", with(core[len(core)-1]))
	refused(t, "a segment", with(core[2]))
	refused(t, "an end", with(frame{kindEnd, make([]byte, 32)}))
	refused(t, "an unknown record", with(frame{9, []byte{0xa0}}))
	refused(t, "no CBOR", with(frame{kindHosts, []byte("junk")}))
	refused(t, "trailing bytes", with(frame{hosts.kind, append(bytes.Clone(hosts.payload), 0)}))
}

// Addresses are hints: what makes no sense is dropped, and what is too long.
func TestStrangeAddressesAreDropped(t *testing.T) {
	frames := splitManifest(t, writeManifest(t, fixedContent(t)))
	at := slices.IndexFunc(frames, func(f frame) bool { return f.kind == kindHosts })
	_, host := hostKey(t, 0)
	circuits := bytes.Repeat([]byte{0xa2, 0x02}, 20_000) // /p2p-circuit, each a component
	addrs := [][]byte{nil, {0xff}, circuits, {4, 127, 0, 0, 1, 6, 16, 74}}
	for range 1000 {
		addrs = append(addrs, []byte{4, 127, 0, 0, 1})
	}
	frames[at] = encode(t, kindHosts, hostsRecord{[]hostRecord{{host, addrs}}})
	m := mustOpen(t, joinManifest(frames[:at+1]...))
	if got := m.Hosts[0].Addrs; len(got) != maxAddrs-3 || got[0].String() != "/ip4/127.0.0.1/tcp/4170" {
		t.Errorf("%d addresses: %s", len(got), got)
	}
}

// allocated is the bytes that f takes from the heap, in all.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

func TestAbsurdLengthsAllocateLittle(t *testing.T) {
	frames := splitManifest(t, writeManifest(t, fixedContent(t)))
	opening := func(f []frame) []byte {
		data := joinManifest(f...)
		return data[:len(data)-endSize]
	}
	raw := func(before []frame, tail ...byte) []byte { return withChecksum(append(opening(before), tail...)) }
	huge := []byte{0xff, 0xff, 0xff, 0xff} // 4 GiB
	cases := map[string][]byte{
		"capability of 4 GiB":     raw(nil, append(huge, kindCapability, 0xa0)...),
		"head of 4 GiB":           raw(frames[:1], append(huge, kindHead, 0xa0)...),
		"segment of 4 GiB":        raw(frames[:2], append(huge, kindSegment, 0xa0)...),
		"hosts of 4 GiB":          raw(frames[:7], append(huge, kindHosts, 0xa0)...),
		"hosts of 16 MiB":         raw(frames[:7], 1, 0, 0, 0, kindHosts, 0xa0),
		"frame without a kind":    raw(frames[:2], 0, 0, 0, 0),
		"frame past the end":      raw(frames[:2], 0, 0, 0xff, 0xff, kindSegment, 0xa0),
		"record past its limit":   joinManifest(append(frames[:2:2], frame{kindSegment, make([]byte, maxManifestFrame+1)})...),
		"capability's key, 4 GiB": joinManifest(frame{kindCapability, []byte{0xa1, 0x02, 0x5a, 0xff, 0xff, 0xff, 0xff}}),
		"capability's key, 8 EiB": joinManifest(frame{kindCapability, []byte{0xa1, 0x02, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}),
		"a map of 2³² pairs":      joinManifest(frame{kindCapability, []byte{0xba, 0xff, 0xff, 0xff, 0xff}}),
		"deep nesting":            joinManifest(frame{kindCapability, bytes.Repeat([]byte{0x81}, 60_000)}),
		"ids of 4 GiB":            joinManifest(append(frames[:2:2], frame{kindSegment, []byte{0xa1, 0x03, 0x5a, 0xff, 0xff, 0xff, 0xff}})...),
		"2³² hosts":               joinManifest(append(frames[:7:7], frame{kindHosts, []byte{0xa1, 0x01, 0x9a, 0xff, 0xff, 0xff, 0xff}})...),
		"65,000 addresses of nothing": joinManifest(append(frames[:7:7], frame{kindHosts,
			append([]byte{0xa1, 0x01, 0x81, 0xa1, 0x02, 0x99, 0xfd, 0xe8}, bytes.Repeat([]byte{0x40}, 65_000)...)})...),
		"placements of 4 GiB": joinManifest(append(frames[:7:7], frame{kindPlacement, []byte{0xa1, 0x02, 0x5a, 0xff, 0xff, 0xff, 0xff}})...),
	}
	if frames[6].kind != kindCore {
		t.Fatal("the core is another frame")
	}
	for name, data := range cases {
		if took := allocated(func() { refused(t, name, data) }); took > 4<<20 {
			t.Errorf("%s: %d bytes of manifest take %d of memory", name, len(data), took)
		}
	}
}

func TestTooManyHosts(t *testing.T) {
	frames := splitManifest(t, writeManifest(t, fixedContent(t)))
	data := frames[:7:7]
	for first := 0; first < maxHosts; first += 4096 {
		var some []hostRecord
		for i := range 4096 { // the identity hash of two bytes
			some = append(some, hostRecord{Peer: peer.ID([]byte{0, 2, byte((first + i) >> 8), byte(first + i)})})
		}
		data = append(data, encode(t, kindHosts, hostsRecord{some}))
	}
	m := mustOpen(t, joinManifest(data...))
	if len(m.Hosts) != maxHosts {
		t.Fatalf("%d hosts", len(m.Hosts))
	}
	one := encode(t, kindHosts, hostsRecord{[]hostRecord{{Peer: peer.ID("\x00\x01h")}}})
	if took := allocated(func() { refused(t, "a host more", joinManifest(append(data, one)...)) }); took > 64<<20 {
		t.Errorf("%d bytes", took)
	}
}
