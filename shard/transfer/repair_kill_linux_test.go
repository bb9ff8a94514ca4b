package transfer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/batchain/batchain/shard"
)

func childRepair() int {
	o, e, end, err := childEngine()
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	defer end()
	r, err := e.Repair(context.Background(), o.Path, RepairOptions{Eager: true}, tell)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("done", r.Health.Margin, r.Shortfall)
	return 0
}

// lacking counts the shards of a file that no host has.
func (b *bed) lacking(manifest string) (count int) {
	b.t.Helper()
	here := map[shard.ID]bool{}
	for _, k := range b.hosts {
		for _, id := range k.store.IDs() {
			here[id] = true
		}
	}
	for s, err := range b.open(manifest).Segments() {
		if err != nil {
			b.t.Fatalf("the manifest is damaged: %v", err)
		}
		for _, id := range s.Shards {
			if !here[id] {
				count++
			}
		}
	}
	return count
}

// A repair that is killed wherever it is goes on: nothing is sent that a host has
// already, the manifest is whole at any time, and in the end the file is too.
func TestRepairIsKilledAgainAndAgain(t *testing.T) {
	b := newBed(t, 8)
	b.cut(twoThree, segmentSize)
	path, content := b.file("f", 16*(segmentSize-shard.SealOverhead))
	manifest := b.put(path, PutOptions{Scheme: twoThree}).Manifest
	b.loseIndex(manifest, 0, everySegment)
	b.loseIndex(manifest, 3, everySegment)
	lost, started := b.lacking(manifest), b.delivered()
	random := rand.New(rand.NewPCG(5, 6))
	last, kills := "", 0
	for killAt := 1; ; kills++ {
		lacking, before := b.lacking(manifest), b.delivered()
		last = b.play("repair", order{Path: manifest}, killAt)
		if sent := int((b.delivered() - before) / (segmentSize / 2)); sent > lacking {
			t.Fatalf("%d shards were sent, %d were lost", sent, lacking)
		}
		if strings.HasPrefix(last, "done ") || strings.HasPrefix(last, "error ") {
			break
		}
		killAt = 6 + kills + random.IntN(6)
	}
	if last != "done 3 " || kills < 3 {
		t.Errorf("after %d kills: %q", kills, last)
	}
	t.Logf("%d kills: %d bytes arrived, %d were needed", kills, b.delivered()-started, lost*segmentSize/2)
	b.healthy(manifest)
	b.get(manifest, content)
}
