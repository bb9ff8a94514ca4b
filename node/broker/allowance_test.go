package broker

import (
	"fmt"
	"testing"
	"time"
)

func TestAllowance(t *testing.T) {
	now := time.Now()
	a := allowance{perKey: 2, total: 3}
	for i, want := range []bool{true, true, false} {
		if got := a.take("x", now); got != want {
			t.Errorf("request %d of one: %v", i, got)
		}
	}
	if !a.take("y", now) || a.take("y", now) {
		t.Error("the total is not held")
	}
	if !a.take("x", now.Add(time.Minute)) {
		t.Error("a minute later there is nothing again")
	}
}

// What is remembered of peers is bounded, whoever comes.
func TestAllowanceRemembersSoMany(t *testing.T) {
	now := time.Now()
	a := allowance{perKey: 1}
	for i := range maxRemembered {
		if !a.take(fmt.Sprint(i), now) {
			t.Fatalf("peer %d is refused", i)
		}
	}
	if a.take("one more", now) {
		t.Error("one more is taken")
	}
}
