package shard

import (
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

func fixedCharge(tb tester) Charge {
	tb.Helper()
	_, grant := fixedGrant(tb)
	_, one := hostKey(tb, 1)
	_, two := hostKey(tb, 2)
	return Charge{Grant: grant, Repair: repairKey().Seed(), Keepers: []peer.ID{one, two}, Manifest: 45_000_000, Until: 1_800_000_000}
}

func TestChargeOpen(t *testing.T) {
	want, _ := fixedGrant(t)
	g, key, err := fixedCharge(t).Open(testMesh)
	check(t, err)
	if g.Locator != want.Locator || !key.Equal(repairKey()) {
		t.Errorf("opens as %+v", g)
	}
	_, many := hostKey(t, 3)
	for name, row := range map[string]struct {
		change func(*Charge)
		want   error
	}{
		"notes only":         {func(c *Charge) { c.Manifest = 0 }, nil},
		"longest":            {func(c *Charge) { c.Manifest = MaxRepairManifest }, nil},
		"no keepers":         {func(c *Charge) { c.Keepers = nil }, nil},
		"too long":           {func(c *Charge) { c.Manifest = MaxRepairManifest + 1 }, wire.ErrBadRequest},
		"negative":           {func(c *Charge) { c.Manifest = math.MinInt64 }, wire.ErrBadRequest},
		"no key":             {func(c *Charge) { c.Repair = nil }, wire.ErrBadRequest},
		"half a key":         {func(c *Charge) { c.Repair = c.Repair[:16] }, wire.ErrBadRequest},
		"a whole key":        {func(c *Charge) { c.Repair = repairKey() }, wire.ErrBadRequest},
		"another key":        {func(c *Charge) { c.Repair = adminKey().Seed() }, wire.ErrBadSignature},
		"no grant":           {func(c *Charge) { c.Grant = wire.Signed{} }, wire.ErrBadRequest},
		"a forged grant":     {func(c *Charge) { c.Grant.Sig = make([]byte, 64) }, wire.ErrBadSignature},
		"seventeen keepers":  {func(c *Charge) { c.Keepers = make([]peer.ID, MaxKeepers+1); c.Keepers[0] = many }, wire.ErrBadRequest},
		"sixteen keepers":    {func(c *Charge) { c.Keepers = make([]peer.ID, MaxKeepers) }, nil},
		"a grant of nothing": {func(c *Charge) { c.Grant.Body = []byte{0xa0} }, wire.ErrBadRequest},
	} {
		c := fixedCharge(t)
		row.change(&c)
		if _, _, err := c.Open(testMesh); row.want == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if row.want != nil && err == nil {
			t.Errorf("%s: opens", name)
		} else if row.want != nil {
			wantErr(t, err, row.want)
		}
	}
	_, _, err = fixedCharge(t).Open("other")
	wantErr(t, err, wire.ErrBadSignature)
}

func TestChargeOver(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for until, over := range map[int64]bool{0: false, now.Unix(): false, now.Unix() - 1: true, now.Unix() + 1: false, math.MaxInt64: false, -1: true} {
		if got := (Charge{Until: until}).Over(now); got != over {
			t.Errorf("until %d: over is %v", until, got)
		}
	}
}

// Neither logs nor errors show the key of a charge.
func TestChargeIsNotLogged(t *testing.T) {
	c := fixedCharge(t)
	c.Repair = []byte("SECRETSECRETSECRETSECRETSECRETSE")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("charge", "charge", c)
	_, _, err := c.Open(testMesh)
	log.WriteString(fmt.Sprint(err))
	if strings.Contains(log.String(), "SECRET") || strings.Contains(log.String(), fmt.Sprint(c.Repair)) {
		t.Errorf("it says %s", log.String())
	}
}

func TestKeepersAreFoundElsewhereThanTheFile(t *testing.T) {
	l := fixedFile().Locator()
	if l.Keepers() == l || l.Keepers() == l.Keepers().Keepers() || l.Keepers() == (FileID{}).Locator().Keepers() {
		t.Error("two names are one")
	}
}

func TestCatalogueNames(t *testing.T) {
	seed, other := fixedSeed(), fixedSeed()
	other[0] ^= 1
	seen := map[FileID]bool{}
	for _, s := range []Seed{seed, other} {
		for _, page := range []uint32{0, 1, 256, math.MaxUint32} {
			id := s.CatalogueID(page)
			if seen[id] || id != s.CatalogueID(page) {
				t.Errorf("page %d: %s is not its own", page, id)
			}
			seen[id] = true
		}
	}
	key := seed.FileKey(fixedFile())
	if note := key.NoteKey(); note == key || note == key.privateKey() || string(note[:]) == string(key.RepairKey().Seed()) {
		t.Error("the key of notes is another key")
	}
}

func FuzzCharge(f *testing.F) {
	data, err := wire.Marshal(fixedCharge(f))
	check(f, err)
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		var c Charge
		if wire.Unmarshal(data, &c) != nil {
			return
		}
		g, key, err := c.Open(testMesh)
		if err == nil && (!g.Repair.Equal(key.Public()) || c.Manifest < 0 || c.Manifest > MaxRepairManifest || len(c.Keepers) > MaxKeepers) {
			t.Fatalf("%+v", g)
		}
	})
}
