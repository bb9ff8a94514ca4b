package node

import (
	"context"
	"errors"
	"testing"
)

// TestLeavingIsOneAtATime: of two that hand on at once, the one that fails would
// let the store take again what the other does not look at any more.
func TestLeavingIsOneAtATime(t *testing.T) {
	l := newLeaving()
	end, err := l.begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.begin(over); !errors.Is(err, context.Canceled) {
		t.Errorf("two at once: %v", err)
	}
	end()
	if end, err = l.begin(t.Context()); err != nil {
		t.Fatalf("after one that failed: %v", err)
	}
	l.now()
	end()
	for range 2 {
		if _, err := l.begin(t.Context()); !errors.Is(err, ErrLeft) {
			t.Errorf("after one that did not: %v", err)
		}
	}
}
