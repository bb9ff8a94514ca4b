package gossip

import (
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"github.com/batchain/batchain/wire"
)

// BenchmarkVerify prints what checking a record costs beside the extraction of
// the key and ed25519.Verify alone, and what a heartbeat costs.
func BenchmarkVerify(b *testing.B) {
	o := newStranger(1)
	e, err := signEntry(o.key, "test", entry{Incarnation: 1_800_000_000_000, Version: 7, Key: "free", Value: make([]byte, 40)})
	if err != nil {
		b.Fatal(err)
	}
	verify := newVerifier("test")
	message := append([]byte("batchain/gossip-entry/1\x00test"), e.Body...)
	salt := newChainSalt(o.who, 1)
	beats := newChain(salt, 0)
	top, _ := beats.link(2)
	record := func() {
		s, err := parseEntry(wire.Signed{Body: e.Body, Sig: e.Sig})
		if err == nil {
			err = verify(o.who, entryKind, s.Signed)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	bare := func() {
		key, err := o.id.ExtractPublicKey()
		if err != nil {
			b.Fatal(err)
		}
		raw, err := key.Raw()
		if err != nil || !ed25519.Verify(raw, message, e.Sig) {
			b.Fatal("does not verify", err)
		}
	}
	heartbeat := func() {
		if !salt.leads(top, 2, beats.links[1], 1) {
			b.Fatal("does not lead down")
		}
	}
	var whole, alone, beat []time.Duration
	for b.Loop() {
		for range 50 { // in turns, and the median of them: a busy machine interrupts some
			whole = append(whole, timed(20, record))
			alone = append(alone, timed(20, bare))
			beat = append(beat, timed(20, heartbeat))
		}
	}
	for _, turns := range [][]time.Duration{whole, alone, beat} {
		slices.Sort(turns)
	}
	b.ReportMetric(float64(median(whole))/float64(median(alone)), "record/bare")
	b.ReportMetric(float64(median(whole))/float64(median(beat)), "record/heartbeat")
}

func timed(n int, do func()) time.Duration {
	began := time.Now()
	for range n {
		do()
	}
	return time.Since(began)
}
