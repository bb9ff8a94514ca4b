package keeper

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

func publicOf(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

// fixedRecord is the same in every run.
func fixedRecord(t testing.TB) record {
	t.Helper()
	seed, id := shard.Seed{1}, shard.FileID{2}
	_, signed, err := shard.NewGrant(seed, id, mesh)
	check(t, err)
	_, a := identity(t, 1)
	_, b := identity(t, 2)
	return record{
		Version: recordVersion, Grant: signed, Repair: seed.FileKey(id).RepairKey().Seed(), From: a, Given: 1e9, Until: 2e9, Manifest: 1234,
		Wanted: 3, Members: members{{Peer: a}, {Peer: b, Missed: 1e9 + 1, Out: true}}, Checked: 1e9 + 2, Own: 1e9 + 3, Margin: -1, Full: 12,
		Renewed: 1e9 + 4, Noted: 1e9 + 5, Barren: 1e9 + 6, Ended: 1e9 + 7, Looked: 1e9 + 8,
	}
}

func fixedFiles(t testing.TB) map[string]any {
	_, a := identity(t, 1)
	return map[string]any{
		"charge":     fixedRecord(t),
		"entrusted":  entrusted{recordVersion, []peer.ID{a}},
		"tombstones": tombs{recordVersion, []tomb{{Owner: bytes.Repeat([]byte{7}, 32), Time: 1e9}}},
	}
}

// The files on disk are those of version 1: what they say must be readable for
// ever.
func TestGoldenFiles(t *testing.T) {
	for name, value := range fixedFiles(t) {
		data, err := wire.Marshal(value)
		check(t, err)
		text, err := os.ReadFile(filepath.Join("testdata", "v1", name+".hex"))
		check(t, err)
		if want := strings.Join(strings.Fields(string(text)), ""); hex.EncodeToString(data) != want {
			t.Errorf("%s is written as\n%x\nwant\n%s", name, data, want)
		}
	}
	data, err := wire.Marshal(fixedRecord(t))
	check(t, err)
	c, err := parseRecord(data, mesh)
	check(t, err)
	if c.Margin != -1 || len(c.Members) != 2 || !c.Members[1].Out || c.name()+".x" != nameOf(c.grant)+".x" {
		t.Errorf("read %+v", c.record)
	}
}

func TestParseRecordRefuses(t *testing.T) {
	for name, change := range map[string]func(*record){
		"a newer version":       func(r *record) { r.Version++ },
		"another file's key":    func(r *record) { r.Repair = make([]byte, 32) },
		"a short key":           func(r *record) { r.Repair = r.Repair[1:] },
		"a forged grant":        func(r *record) { r.Grant.Sig = bytes.Repeat([]byte{1}, 64) },
		"too many members":      func(r *record) { r.Members = make(members, maxMembers+1) },
		"no keeper wanted":      func(r *record) { r.Wanted = 0 },
		"too many wanted":       func(r *record) { r.Wanted = shard.MaxKeepers + 1 },
		"a manifest too large":  func(r *record) { r.Manifest = shard.MaxRepairManifest + 1 },
		"a manifest below zero": func(r *record) { r.Manifest = -1 },
	} {
		r := fixedRecord(t)
		change(&r)
		data, err := wire.Marshal(r)
		check(t, err)
		if _, err := parseRecord(data, mesh); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

// No file of the folder makes the parsers do more than refuse it; what they
// take they write alike.
func FuzzFiles(f *testing.F) {
	for _, value := range fixedFiles(f) {
		data, err := wire.Marshal(value)
		check(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := parseRecord(data, mesh); err == nil {
			again, err := wire.Marshal(c.record)
			check(t, err)
			if _, err := parseRecord(again, mesh); err != nil {
				t.Error(err)
			}
			var all members
			all.learn(c.From, c.Members.in())
		}
		if tombs, err := parseTombs(data); err == nil {
			tombs.has(owner{})
		}
		if keepers, err := parseEntrusted(data); err == nil && len(keepers) > shard.MaxKeepers {
			t.Errorf("%d keepers", len(keepers))
		}
	})
}

func TestFilesLargerThanTheirBoundAreNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	writeFile(t, path, make([]byte, maxRecord+1))
	if _, err := readSmall(path, maxRecord); err == nil {
		t.Error("it is read")
	}
	largest := fixedRecord(t)
	largest.Members = nil
	for n := range maxMembers {
		_, id := identity(t, n)
		largest.Members = append(largest.Members, member{Peer: id, Missed: 1 << 40, Out: true})
	}
	data, err := wire.Marshal(largest)
	check(t, err)
	if len(data) > maxRecord {
		t.Errorf("the largest charge takes %d bytes, %d are read", len(data), maxRecord)
	}
}
