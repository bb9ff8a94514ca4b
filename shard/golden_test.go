package shard

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// What version 1 writes, for ever. "go test -run Golden -update" writes the
// files anew; do that for a new version, in a new folder, never for this one.
const goldenDir = "testdata/v1"

var update = flag.Bool("update", false, "write the golden files anew")

// golden returns the bytes of a golden file, which are got under -update.
func golden(t *testing.T, name string, got []byte) []byte {
	t.Helper()
	path := filepath.Join(goldenDir, name)
	if *update {
		check(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	check(t, err)
	return want
}

func TestGoldenValues(t *testing.T) {
	var lines strings.Builder
	for _, v := range slices.Concat(keyValues(), recordValues(t), codeValues(t), keeperValues(t)) {
		fmt.Fprintf(&lines, "%s %s\n", v[0], v[1])
	}
	want := string(golden(t, "values.txt", []byte(lines.String())))
	got := strings.Split(lines.String(), "\n")
	for i, line := range strings.Split(want, "\n") {
		if i >= len(got) || got[i] != line {
			t.Fatalf("the format changed:\n got %s\nwant %s", got[min(i, len(got)-1)], line)
		}
	}
	if lines.String() != want {
		t.Fatal("values without a golden line")
	}
}

func value(name string, data []byte) [2]string { return [2]string{name, hex.EncodeToString(data)} }

func keyValues() [][2]string {
	seed, file := fixedSeed(), fixedFile()
	key, locator, id := seed.FileKey(file), file.Locator(), Sum(pattern(1000))
	private := key.privateKey()
	return [][2]string{
		value("file-key", key[:]),
		value("admin-key", seed.AdminKey(file).Seed()),
		value("repair-key", key.RepairKey().Seed()),
		value("private-key", private[:]),
		value("locator", locator[:]),
		value("shard-id", id[:]),
		{"shard-id-text", id.String()},
		{"file-id-text", file.String()},
		{"locator-text", locator.String()},
	}
}

func recordValues(t *testing.T) [][2]string {
	_, grant := fixedGrant(t)
	digest := GrantDigest(grant)
	key, host := hostKey(t, 1)
	o := fixedOffer(t)
	r := Receipt{Grant: digest, Shard: o.Shard, Segment: o.Segment, Index: o.Index, Length: o.Length, LeaseEnd: 1_705_184_000, Host: host, Time: 1_700_000_000}
	d := Order{Grant: digest, Host: host, NotAfter: 1_700_000_000, Cursor: []byte{1, 2}}
	values := [][2]string{value("grant-digest", digest[:])}
	add := func(name string, s wire.Signed, err error) {
		check(t, err)
		values = append(values, value(name, s.Body), value(name+"-signature", s.Sig))
	}
	add("grant", grant, nil)
	offer, err := o.Sign(repairKey(), testMesh)
	add("offer", offer, err)
	receipt, err := r.Sign(key, testMesh)
	add("receipt", receipt, err)
	list, err := d.Sign(repairKey(), OrderList, testMesh)
	add("list", list, err)
	d.Cursor = nil
	del, err := d.Sign(adminKey(), OrderDelete, testMesh)
	add("delete", del, err)
	held, err := wire.Marshal(Held{Shard: o.Shard, Segment: 7, Index: 3, Length: 64, LeaseEnd: 1_705_184_000})
	check(t, err)
	return append(values, value("held", held))
}

// keeperValues are of what keeps a file alive while its owner is away.
func keeperValues(t *testing.T) [][2]string {
	_, grant := fixedGrant(t)
	key, host := hostKey(t, 1)
	n, _ := fixedNote(t)
	receipt := NoteReceipt{Grant: n.Grant, Writer: n.Writer, Seq: n.Seq, Sum: n.Sum, LeaseEnd: 1_705_184_000, Host: host, Time: 1_700_000_000}
	order := Order{Grant: GrantDigest(grant), Host: host, NotAfter: 1_700_000_000}
	audit, renew := order, order
	audit.Picks = []Pick{{Shard: ID{1}, Leaf: 0}, {Shard: ID{2}, Leaf: 1023}}
	renew.Lease, renew.Spots = 5_184_000, []Spot{{Shard: ID{1}, Segment: 7, Index: 3}}
	page, locator := fixedSeed().CatalogueID(1), fixedFile().Locator().Keepers()
	noteKey := fixedSeed().FileKey(fixedFile()).NoteKey()
	values := [][2]string{value("catalogue-id", page[:]), value("keepers-locator", locator[:]), value("note-key", noteKey[:])}
	sign := func(name string, s wire.Signed, err error) {
		check(t, err)
		values = append(values, value(name, s.Body), value(name+"-signature", s.Sig))
	}
	write := func(name string, v any) {
		data, err := wire.Marshal(v)
		check(t, err)
		values = append(values, value(name, data))
	}
	note, err := n.Sign(adminKey(), testMesh)
	sign("note", note, err)
	kept, err := receipt.Sign(key, testMesh)
	sign("note-receipt", kept, err)
	audited, err := audit.Sign(repairKey(), OrderAudit, testMesh)
	sign("audit", audited, err)
	renewed, err := renew.Sign(repairKey(), OrderRenew, testMesh)
	sign("renew", renewed, err)
	turn, err := order.Sign(repairKey(), OrderTurn, testMesh)
	sign("turn-order", turn, err)
	write("charge", fixedCharge(t))
	write("charge-of-notes", Charge{Grant: grant, Repair: repairKey().Seed()})
	write("turn", Turn{Working: true, Checked: 1_700_000_000, Margin: 12, Keepers: []peer.ID{host}})
	write("private", privateBody{File: fixedFile(), Name: []byte("x"), Size: 1, Mode: 0o600, Expires: 1_800_000_000, Folder: true})
	encoded, _ := tree(pattern(2*LeafSize + 1))
	slice := Sum(sliceOf(t, encoded, 2*LeafSize+1, 1))
	return append(values, value("slice-sum", slice[:]))
}

func codeValues(t *testing.T) [][2]string {
	key := fixedSeed().FileKey(fixedFile())
	sealer := NewSealer(key, fixedFile())
	values := [][2]string{
		value("sealed", sealer.Seal(pattern(100), 3, false, fixedNonce(9))),
		value("sealed-last", sealer.Seal(pattern(100), 3, true, fixedNonce(9))),
		value("sealed-empty", sealer.Seal(nil, 0, true, fixedNonce(9))),
	}
	for _, s := range []Scheme{{1, 4}, {2, 2}, {2, 3}, {4, 4}, {4, 8}, {8, 12}, {8, 16}} {
		c, err := NewCoder(s)
		check(t, err)
		shards, length := encoded(t, c, s, pattern(100_000))
		sum := Sum(bytes.Join(shards[s.Data:], nil))
		values = append(values, value(fmt.Sprintf("parity-%s-%d", s, length), sum[:]))
	}
	hash := NewContentHash()
	hash.Add(SumPlain(pattern(1000)))
	hash.Add(SumPlain(nil))
	content := hash.Sum()
	return append(values, value("content-hash", content[:]))
}

// The nonce of the private part is random, so a manifest is never written
// twice the same: the golden one must open to what it was made from, and all
// of its records that hold no randomness must be written as they were.
func TestGoldenManifest(t *testing.T) {
	c := fixedContent(t)
	fresh := writeManifest(t, c)
	data := golden(t, "read.batchain", fresh)
	m := mustOpen(t, data)
	sameContent(t, m, c)
	if *m.Private != c.private || *m.Key != fixedSeed().FileKey(fixedFile()) {
		t.Errorf("private part %+v, want %+v", m.Private, c.private)
	}
	was, is := splitManifest(t, data), splitManifest(t, fresh)
	if len(was) != len(is) {
		t.Fatalf("%d records, there were %d", len(is), len(was))
	}
	for i := range was {
		random := was[i].kind == kindPrivate || was[i].kind == kindCore
		if was[i].kind != is[i].kind || len(was[i].payload) != len(is[i].payload) || (!random && !bytes.Equal(was[i].payload, is[i].payload)) {
			t.Errorf("record %d of kind %d is written as\n%x, it was\n%x", i, is[i].kind, is[i].payload, was[i].payload)
		}
	}
}

func TestGoldenRepairManifest(t *testing.T) {
	read, err := os.ReadFile(filepath.Join(goldenDir, "read.batchain"))
	check(t, err)
	m := mustOpen(t, read)
	fresh := export(t, m)
	data := golden(t, "repair.batchain", fresh)
	if !bytes.Equal(data, fresh) {
		t.Error("the repair manifest is exported as other bytes")
	}
	r := mustOpen(t, data)
	sameContent(t, r, fixedContent(t))
	sameCore(t, m, r)
}
