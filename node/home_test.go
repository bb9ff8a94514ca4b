package node_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
)

// exit returns the exit code that an error is explained with.
func exit(err error) int {
	var told *control.Error
	if !errors.As(node.Explain(err), &told) {
		return -1
	}
	return told.Exit
}

// start opens a node and gives it up again.
func start(t *testing.T, home string) error {
	t.Helper()
	n, err := node.New(within(t), loopback(home))
	if err == nil {
		err = n.Close()
	}
	return err
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestKeysAreMadeOnceAndArePrivate(t *testing.T) {
	home := filepath.Join(t.TempDir(), "a", "home")
	if err := start(t, home); err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for _, name := range []string{"identity.key", "owner.key"} {
		info, err := os.Stat(filepath.Join(home, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		keys[name] = read(t, filepath.Join(home, name))
	}
	if len(keys["identity.key"]) != 68 || len(keys["owner.key"]) != 32 {
		t.Errorf("keys of %d and %d bytes", len(keys["identity.key"]), len(keys["owner.key"]))
	}
	if info, err := os.Stat(home); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("home: %v, %v", info, err)
	}
	if err := start(t, home); err != nil {
		t.Fatal(err)
	}
	for name, key := range keys {
		if read(t, filepath.Join(home, name)) != key {
			t.Errorf("%s was made anew", name)
		}
	}
	if read(t, filepath.Join(home, "format")) != "1\n" {
		t.Error("format is not 1")
	}
}

func TestBadKeysAreRefusedAndKept(t *testing.T) {
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		want       error
	}{
		{"identity.key", "rubbish", 0o600, node.ErrKeyDamaged},
		{"identity.key", "", 0o600, node.ErrKeyDamaged},
		{"owner.key", "too short", 0o600, node.ErrKeyDamaged},
		{"owner.key", strings.Repeat("x", 32), 0o644, node.ErrKeyExposed},
		{"identity.key", strings.Repeat("x", 68), 0o640, node.ErrKeyExposed},
		{"identity.key", strings.Repeat("x", 1<<20), 0o600, node.ErrKeyDamaged},
	} {
		home := t.TempDir()
		path := filepath.Join(home, c.name)
		write(t, path, c.text, c.mode)
		if err := start(t, home); !errors.Is(err, c.want) || exit(err) != control.ExitPermission {
			t.Errorf("%s %04o: %v (exit %d)", c.name, c.mode, err, exit(err))
		}
		if read(t, path) != c.text {
			t.Errorf("%s was replaced", c.name)
		}
	}
}

func TestFormat(t *testing.T) {
	home := t.TempDir()
	write(t, filepath.Join(home, "format"), "2\n", 0o644)
	write(t, filepath.Join(home, "identity.key"), "rubbish", 0o600)
	err := start(t, home)
	var newer *node.NewerFormatError
	if !errors.As(err, &newer) || newer.Found != 2 || newer.Know != 1 || exit(err) != control.ExitConfig {
		t.Errorf("a newer home: %v (exit %d)", err, exit(err))
	}
	if _, err := os.Stat(filepath.Join(home, "index")); err == nil {
		t.Error("a newer home was touched")
	}
	write(t, filepath.Join(home, "format"), "one", 0o644)
	if err := start(t, home); !errors.Is(err, node.ErrFormat) || exit(err) != control.ExitConfig {
		t.Errorf("a damaged format: %v", err)
	}
}

// TestLongHome: where the home's path is too long for a socket's address, the
// socket lies elsewhere and is found all the same.
func TestLongHome(t *testing.T) {
	home := filepath.Join(t.TempDir(), strings.Repeat("long", 38))
	n, err := node.New(within(t), loopback(home))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := os.Stat(filepath.Dir(node.SocketPath(home))); err == nil {
			t.Error("the socket's folder is left behind")
		}
	})
	run(t, n)
	path := node.SocketPath(home)
	if len(path) > 100 || strings.HasPrefix(path, home) {
		t.Errorf("socket at %s", path)
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil || folder.Mode().Perm() != 0o700 {
		t.Errorf("folder of the socket: %v, %v", folder, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", info, err)
	}
	if status, err := socket(t, home).Status(within(t)); err != nil || status.PeerID != n.ID().String() {
		t.Errorf("got %+v, %v", status, err)
	}
}

func TestConfigurationIsCheckedFirst(t *testing.T) {
	cfg := loopback(filepath.Join(t.TempDir(), "home"))
	cfg.Mesh = "No/Mesh"
	if _, err := node.New(within(t), cfg); !errors.Is(err, node.ErrConfig) || exit(err) != control.ExitConfig {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(cfg.Home); err == nil {
		t.Error("a home was made for a bad configuration")
	}
}

// TestAddressInUse: a port that another node has is an error, with TCP, which
// the system would share, and with QUIC; what was opened before is closed again.
func TestAddressInUse(t *testing.T) {
	dir := t.TempDir()
	taken := loopback(filepath.Join(dir, "first"))
	taken.Listen = append(taken.Listen, "/ip4/127.0.0.1/udp/0/quic-v1")
	first, err := node.New(within(t), taken)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	for _, full := range first.Addrs() {
		cfg := loopback(filepath.Join(dir, "second"))
		addr, _, _ := strings.Cut(full, "/p2p/")
		cfg.Listen = append(cfg.Listen, addr)
		n, err := node.New(within(t), cfg)
		if exit(err) != control.ExitNetwork {
			t.Errorf("%s: got %v (exit %d)", addr, err, exit(err))
		}
		if n != nil {
			n.Close()
		}
		if err := start(t, cfg.Home); err != nil {
			t.Errorf("after a failed start: %v", err)
		}
	}
	if len(first.Addrs()) != 2 {
		t.Errorf("the first listens at %s", first.Addrs())
	}
}
