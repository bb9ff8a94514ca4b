package node

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func testConfig(home string) Config {
	return Config{Home: home, Mesh: "test", Capacity: 1 << 30, Listen: []string{"/ip4/127.0.0.1/tcp/0"}}
}

// TestDeadPartEndsTheNode with its error, and frees the home.
func TestDeadPartEndsTheNode(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	n, err := New(t.Context(), testConfig(home))
	if err != nil {
		t.Fatal(err)
	}
	dead := errors.New("out of order")
	n.addPart("press", func(context.Context) error { return dead })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = n.Run(ctx, nil)
	if !errors.Is(err, dead) || !strings.Contains(err.Error(), "press") || ctx.Err() != nil {
		t.Errorf("got %v", err)
	}
	if n, err := New(t.Context(), testConfig(home)); err != nil {
		t.Errorf("the home is not free: %v", err)
	} else if err := n.Close(); err != nil {
		t.Error(err)
	}
}
