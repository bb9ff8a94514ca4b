package hive

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// A row that cannot be read is an error of the database to whom it concerns; all the
// others are served, and no peer reads what is wrong with it.
func TestDamagedRow(t *testing.T) {
	h, _ := start(t, t.TempDir(), nil)
	ctx := t.Context()
	if err := h.Create(ctx, inline("p", work.Policy{Rule: work.Quorum, Quorum: 1})); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Add(ctx, "p", work.Unit{Input: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	err := h.db.Update(func(txn *badger.Txn) error { return txn.Set(beeKey(bee("a")), []byte{9, 9}) })
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Request(ctx, work.Member{Peer: bee("a")}, wish)
	var database *work.DatabaseError
	if !errors.Is(err, work.ErrDatabaseGeneric) || !errors.As(err, &database) {
		t.Fatalf("a bee whose row is damaged: %v", err)
	}
	var peerError *wire.Error
	if !errors.As(err, &peerError) || strings.Contains(peerError.Message, "version") {
		t.Errorf("a peer reads %v", peerError)
	}
	if n := answerAll(t, h, "b", echo); n != 1 {
		t.Errorf("another bee did %d units", n)
	}
}

// What is not set is what is written where it is declared.
func TestDefaults(t *testing.T) {
	c := Config{}.withDefaults()
	if c.Strength != work.DefaultStrength || work.DefaultStrength != 20 || c.Ticket != 7*24*time.Hour || c.Closed ||
		c.JudgeTimeout != 30*time.Second || c.Judges != 4 || c.Logger == nil || c.Now == nil {
		t.Errorf("%+v", c)
	}
	if kept := (Config{Strength: -1, Ticket: 1, JudgeTimeout: 2, Judges: 3}).withDefaults(); kept.Strength != -1 || kept.Ticket != 1 || kept.JudgeTimeout != 2 || kept.Judges != 3 {
		t.Errorf("%+v", kept)
	}
}

// A hive that has nothing to do looks at the time every ten seconds, and otherwise when a
// lease ends; whose lease it was is what it takes away, nothing else.
func TestIdleHiveRests(t *testing.T) {
	h, _ := start(t, t.TempDir(), nil)
	ctx := t.Context()
	until := func() (d time.Duration) {
		if err := h.do(ctx, 0, func(*turn) error { d = h.untilDue(); return nil }); err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := until(); d != 10*time.Second {
		t.Errorf("it looks again after %v", d)
	}
	p := inline("p", work.Policy{Rule: work.Quorum, Quorum: 2})
	p.Lease = 4 * time.Second
	if err := h.Create(ctx, p); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Add(ctx, "p", work.Unit{}); err != nil {
		t.Fatal(err)
	}
	if err := h.Register(ctx, work.Member{Peer: bee("a")}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Request(ctx, work.Member{Peer: bee("a")}, wish); err != nil {
		t.Fatal(err)
	}
	if d := until(); d > 4*time.Second {
		t.Errorf("it looks again after %v, a lease of 4 s", d)
	}
}
