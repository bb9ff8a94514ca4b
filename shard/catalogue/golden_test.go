package catalogue

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// What version 1 writes, for ever. "go test -run Golden -update" writes the
// files anew; do that for a new version, in a new folder, never for this one.
const goldenDir = "testdata/v1"

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a golden file, hex in lines, and returns the file's.
func golden(t *testing.T, name string, got []byte) []byte {
	t.Helper()
	path := filepath.Join(goldenDir, name)
	if *update {
		check(t, os.MkdirAll(goldenDir, 0o755))
		check(t, os.WriteFile(path, append([]byte(hex.EncodeToString(got)), '\n'), 0o644))
	}
	text, err := os.ReadFile(path)
	check(t, err)
	want, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	check(t, err)
	return want
}

func fixedID(n byte) (id shard.FileID) {
	for i := range id {
		id[i] = n + byte(i)
	}
	return id
}

func fixedState() *state {
	s := &state{Seq: 77}
	s.add(row{File: fixedID(0x10), Added: 1_800_000_000})
	s.add(row{File: fixedID(0x20), Added: 1_800_000_100, Noted: 1_800_000_200})
	s.add(row{File: fixedID(0x30), Added: 1_800_000_300, Of: fixedID(0x20)})
	s.add(row{File: fixedID(0x40), Added: 1_800_000_400, Noted: elsewhere})
	s.add(row{File: fixedID(0x50), Added: 1_800_000_450, Until: 1_900_000_000})
	s.bury(fixedID(0x40), 1_800_000_500)
	s.Pages[0].meet(seen{0xdeadbeef, 5, 1_800_000_600})
	s.Pages[0].Hosts, s.Pages[0].At = 8, 1_800_000_700
	return s
}

func TestGoldenBytes(t *testing.T) {
	plain, err := fixedState().blob(0)
	check(t, err)
	data, err := fixedState().encode()
	check(t, err)
	manifest, err := wire.Marshal(manifestBlob{Version: blobVersion, Kind: indirect, Made: 1_800_000_000, Data: []byte("manifest")})
	check(t, err)
	for name, got := range map[string][]byte{"page.hex": plain, "state.hex": data, "manifest.hex": manifest} {
		if want := golden(t, name, got); !bytes.Equal(got, want) {
			t.Errorf("%s is written as\n%x, it was\n%x", name, got, want)
		}
	}
	if s, err := parseState(data); err != nil || s.Seq != 77 || len(s.Pages[0].Rows) != 5 {
		t.Errorf("%+v, %v", s, err)
	}
}

// The state tells whose it is.
func TestGoldenOwner(t *testing.T) {
	s := fixedState()
	s.Owner = (&Catalogue{cfg: Config{Seed: shard.Seed{1, 2, 3}}}).owner()
	data, err := s.encode()
	check(t, err)
	if want := golden(t, "state-owner.hex", data); !bytes.Equal(data, want) {
		t.Errorf("written as\n%x, it was\n%x", data, want)
	}
	if got, err := parseState(data); err != nil || !bytes.Equal(got.Owner, s.Owner) {
		t.Errorf("%+v, %v", got, err)
	}
}

// The nonce of a blob is random: the golden one must open to what it was made of.
func TestGoldenSeal(t *testing.T) {
	seed := shard.Seed{1, 2, 3}
	c := &Catalogue{cfg: Config{Seed: seed, Mesh: testMesh}}
	n, err := c.nameOf(seed.CatalogueID(3))
	check(t, err)
	fresh, _, err := n.seal(Writer(peerID(t, 1)), 9, []byte("page three"))
	check(t, err)
	blob := golden(t, "blob.hex", fresh.Blob)
	if got, err := n.unseal(Writer(peerID(t, 1)), 9, blob); err != nil || string(got) != "page three" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := n.unseal(Writer(peerID(t, 1)), 8, blob); err == nil {
		t.Error("it opens under another seq")
	}
	if _, err := n.unseal(Writer(peerID(t, 2)), 9, blob); err == nil {
		t.Error("it opens in another slot")
	}
	writer := []byte(hex.EncodeToString(n.bound(Writer(peerID(t, 1)), 9)))
	if want := golden(t, "bound.hex", writer); !bytes.Equal(want, writer) {
		t.Errorf("bound to %s, it was to %s", writer, want)
	}
}
