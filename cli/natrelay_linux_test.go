package cli_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/batchain/batchain/demo/natlab"
)

// Where no direct way is, a relay with a budget carries the shards; one without
// is no way, and the host is passed over in time.
func TestNATRelay(t *testing.T) {
	l := newLand(t)
	owner := l.node(l.site(natlab.Symmetric, 1).Machines[0], "--no-mdns")
	host := l.node(l.site(natlab.Symmetric, 1).Machines[0], "--no-mdns")
	path := l.file("file", 3<<20)
	began := time.Now()
	if code, _, err := owner.Command(t.Context(), "put", path, "--host", host.PeerID, "--keepers", "0", "--scheme", "1+0"); code != 6 || err != nil {
		t.Errorf("without a relay that carries: exit %d, %v", code, err)
	}
	if took := time.Since(began); took > directTime {
		t.Errorf("the host was passed over after %s", took)
	}
	home := filepath.Join(l.dir, "relay")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "config.toml"), []byte("relay-bytes = \"100MB\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.nodeAt(l.site(natlab.None, 1).Machines[0], home, "--relay", "on", "--no-storage", "--no-mdns")
	l.until(time.Minute, "the file goes over the relay", func() bool {
		code, _, err := owner.Command(t.Context(), "put", path, "--host", host.PeerID, "--keepers", "0", "--scheme", "1+0")
		return code == 0 && err == nil
	})
	if p := l.peer(owner, host); p["path"] != "relayed" {
		t.Errorf("the host is reached so: %v", p)
	}
	if code, _, err := owner.Command(t.Context(), "get", "file", "-o", path+".back"); code != 0 || err != nil {
		t.Errorf("get: exit %d, %v", code, err)
	}
	l.same(path, path+".back")
}
