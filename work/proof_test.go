package work

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	hivePeer = peer.ID("hive")
	beePeer  = peer.ID("bee")
)

func solve(t *testing.T, c Challenge) Proof {
	t.Helper()
	p, err := c.Solve(t.Context(), hivePeer, beePeer)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Every way in which a proof may not count.
func TestDoorman(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	d := NewDoorman(hivePeer, make([]byte, 32))
	good := solve(t, d.Challenge(beePeer, 12, now))
	weak := solve(t, d.Challenge(beePeer, 0, now))
	for zeros := weak; ; zeros.Nonce++ { // a nonce that is no proof of 12 bits
		zeros.Challenge = good.Challenge
		if errors.Is(d.Check(beePeer, zeros, now), ErrProofOfWork) {
			break
		}
		t.Fatal("any nonce will do")
	}
	softened := good
	softened.Challenge.Strength = 0
	prolonged := good
	prolonged.Challenge.Expires += 1000
	tests := []struct {
		name  string
		door  *Doorman
		bee   peer.ID
		proof Proof
		now   time.Time
	}{
		{"of another bee", d, "other", good, now},
		{"for another hive", NewDoorman("other", make([]byte, 32)), beePeer, good, now},
		{"of a hive that was started again", NewDoorman(hivePeer, []byte("another secret")), beePeer, good, now},
		{"too late", d, beePeer, good, now.Add(challengeLife + time.Second)},
		{"made easier", d, beePeer, softened, now},
		{"made longer", d, beePeer, prolonged, now},
		{"empty", d, beePeer, Proof{}, now},
	}
	for _, test := range tests {
		if err := test.door.Check(test.bee, test.proof, test.now); !errors.Is(err, ErrProofOfWork) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if err := d.Check(beePeer, good, now); err != nil {
		t.Errorf("the good one: %v", err)
	}
	if err := d.Check(beePeer, good, now); !errors.Is(err, ErrProofOfWork) {
		t.Errorf("the good one again: %v", err)
	}
}

func TestDoormanForgetsOnlyWhatHasExpired(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	d := NewDoorman(hivePeer, make([]byte, 32))
	for i := range maxSeen {
		d.seen[[32]byte{1, byte(i), byte(i >> 8)}] = now.Add(time.Minute).UnixMilli()
	}
	p := solve(t, d.Challenge(beePeer, 1, now.Add(2*time.Minute)))
	if err := d.Check(beePeer, p, now); !errors.Is(err, ErrHandshakeGeneric) {
		t.Errorf("with a full memory: %v", err)
	}
	if err := d.Check(beePeer, p, now.Add(2*time.Minute)); err != nil {
		t.Errorf("once others have expired: %v", err)
	}
}

func TestSolveHasItsLimits(t *testing.T) {
	if _, err := (Challenge{Strength: MaxStrength + 1}).Solve(t.Context(), hivePeer, beePeer); !errors.Is(err, ErrProofOfWork) {
		t.Errorf("a hive that asks too much: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Challenge{Strength: MaxStrength}).Solve(ctx, hivePeer, beePeer); !errors.Is(err, context.Canceled) {
		t.Errorf("after its end: %v", err)
	}
}
