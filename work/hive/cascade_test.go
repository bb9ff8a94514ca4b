package hive

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/batchain/batchain/work"
)

// One result may have many large answers of another bee believed at once: more than
// one transaction takes. They are believed in several, and the result is taken.
func TestOneResultEndsManyLargeUnits(t *testing.T) {
	const units, size = 24, 200 << 10
	ctx := t.Context()
	h, _ := start(t, t.TempDir(), nil)
	if err := h.Create(ctx, inline("p", work.Policy{Checks: -1})); err != nil {
		t.Fatal(err)
	}
	for i := range units {
		if _, err := h.Add(ctx, "p", work.Unit{Input: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	a, b := work.Member{Peer: bee("a")}, work.Member{Peer: bee("b")}
	for _, m := range []work.Member{a, b} {
		if err := h.Register(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	err := h.do(ctx, 0, func(t *turn) error { // a is one comparison short of being believed alone
		t.mark(t.names["p"], a.Peer, func(r *work.Reputation) {
			r.Checks, r.Since, r.Quota = 40.5, t.now, 256
			r.With = append(r.With, bee("c"), bee("d"))
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	answer := func(task work.Task) []work.Result {
		return []work.Result{{Token: task.Token, Status: work.Done, Output: bytes.Repeat(task.Input[:1], size)}}
	}
	for done := 0; done < units; {
		batch, err := h.Request(ctx, a, wish)
		if err != nil || len(batch.Tasks) == 0 {
			t.Fatalf("%d tasks of %d, %v", done, units, err)
		}
		for _, task := range batch.Tasks {
			if verdicts, err := h.Submit(ctx, a, answer(task)); err != nil || verdicts[0] != nil {
				t.Fatal(verdicts, err)
			}
			done++
		}
	}
	one := wish
	one.Slots = 1
	batch, err := h.Request(ctx, b, one)
	if err != nil || len(batch.Tasks) != 1 {
		t.Fatal(len(batch.Tasks), err)
	}
	if s, err := h.Show(ctx, "p"); err != nil || s.Valid != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	if verdicts, err := h.Submit(ctx, b, answer(batch.Tasks[0])); err != nil || verdicts[0] != nil {
		t.Errorf("the result that has all believed: %v, %v", verdicts, err)
	}
	until(t, "all units are valid", func() bool {
		s, err := h.Show(ctx, "p")
		return err == nil && s.Valid == units
	})
}

// One message may end units whose large inputs would all be kept for spot checks: only as
// many are as a transaction takes.
func TestOneMessageEndsManyLargeInputs(t *testing.T) {
	const units = 32
	ctx := t.Context()
	h, _ := start(t, t.TempDir(), nil)
	if err := h.Create(ctx, inline("p", work.Policy{})); err != nil {
		t.Fatal(err)
	}
	for i := range units {
		input := bytes.Repeat([]byte{byte(i)}, work.MaxInput)
		if _, err := h.Add(ctx, "p", work.Unit{Input: input}); err != nil {
			t.Fatal(err)
		}
	}
	a, b := work.Member{Peer: bee("a")}, work.Member{Peer: bee("b")}
	for _, m := range []work.Member{a, b} {
		if err := h.Register(ctx, m); err != nil {
			t.Fatal(err)
		}
		err := h.do(ctx, 0, func(t *turn) error {
			t.mark(t.names["p"], m.Peer, func(r *work.Reputation) {
				if r.Quota = 256; m.Peer == b.Peer { // its word is enough
					r.Checks, r.Since = 1000, t.now
					r.With = append(r.With, bee("c"), bee("d"))
				}
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var results []work.Result
		many := wish
		many.Parallel = units
		for len(results) < units {
			batch, err := h.Request(ctx, m, many)
			if err != nil || len(batch.Tasks) == 0 {
				t.Fatalf("%s: %d tasks of %d, %v", m.Peer, len(results), units, err)
			}
			for _, task := range batch.Tasks {
				results = append(results, work.Result{Token: task.Token, Status: work.Done, Output: task.Input[:1]})
			}
		}
		if _, err := h.Submit(ctx, m, results); err != nil {
			t.Errorf("%d results in one message: %v", len(results), err)
		}
	}
	if s, err := h.Show(ctx, "p"); err != nil || s.Valid != units {
		t.Errorf("%+v, %v", s, err)
	}
}
