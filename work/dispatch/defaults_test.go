package dispatch

import (
	"testing"
	"time"
)

// What is not set is what is written where it is declared.
func TestDefaults(t *testing.T) {
	c := NewServer(ServerConfig{}).cfg
	if c.Streams != 1024 || c.PeerStreams != 16 || c.Session != 30*time.Second || c.Logger == nil {
		t.Errorf("%+v", c)
	}
}
