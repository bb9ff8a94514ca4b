package node

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadConfigReadsEveryKey(t *testing.T) {
	got, err := LoadConfig(writeConfig(t, `version = 1
mesh = "home"
listen = ["/ip4/127.0.0.1/tcp/0"]
bootstrap = ["/ip4/10.0.0.1/tcp/4170/p2p/12D3KooWEZ5ivpGmYLnqAHeJM5Zz4cMxVpiThiYkkDLwpqeKyuZN"]
capacity = "50GB"
per-peer = "2GiB"
no-storage = true
no-mdns = true
relay = "off"
relay-bytes = "1GB"
metrics = "127.0.0.1:9170"

[hive]
closed = true
allow = ["12D3KooWEZ5ivpGmYLnqAHeJM5Zz4cMxVpiThiYkkDLwpqeKyuZN"]
deny = ["12D3KooWGRUaLSbSkPCqXu9Qd2dQYWrSDHmyLGTVgkYdYQyv5VFC"]
proof = 12
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Mesh: "home", Listen: []string{"/ip4/127.0.0.1/tcp/0"},
		Bootstrap: []string{"/ip4/10.0.0.1/tcp/4170/p2p/12D3KooWEZ5ivpGmYLnqAHeJM5Zz4cMxVpiThiYkkDLwpqeKyuZN"},
		Capacity:  50_000_000_000, PerPeer: 2 << 30, NoStorage: true, NoMDNS: true, Relay: "off", RelayBytes: 1_000_000_000, Metrics: "127.0.0.1:9170",
		Hive: Admission{
			Closed: true, Allow: []string{"12D3KooWEZ5ivpGmYLnqAHeJM5Zz4cMxVpiThiYkkDLwpqeKyuZN"},
			Deny: []string{"12D3KooWGRUaLSbSkPCqXu9Qd2dQYWrSDHmyLGTVgkYdYQyv5VFC"}, Proof: 12,
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestSaveConfigIsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	want := Config{Mesh: "lan", Capacity: 1_234_567_891, PerPeer: 7, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true, Hive: Admission{Closed: true, Proof: -1}}
	if err := SaveConfig(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := LoadConfig(path)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestLoadConfigWithoutFile(t *testing.T) {
	if c, err := LoadConfig(filepath.Join(t.TempDir(), "config.toml")); err != nil || !reflect.DeepEqual(c, Config{}) {
		t.Errorf("got %+v, %v", c, err)
	}
}

// A capacity of 0 that somebody wrote is not the default.
func TestCapacityOfNothing(t *testing.T) {
	c, err := LoadConfig(writeConfig(t, "capacity = 0\n"))
	if err != nil || !c.NoStorage {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestLoadConfigTellsWhere(t *testing.T) {
	for _, c := range []struct{ name, text, line, says string }{
		{"misspelt key", "mesh = \"a\"\ncapcity = \"50GB\"\n", ":2: ", `unknown key "capcity"`},
		{"unknown table", "mesh = \"a\"\n\n[storage]\nsize = 1\n", ":3: ", "unknown key"},
		{"wrong kind", "\n\nlisten = 4\n", ":3: ", "listen"},
		{"no size", "capacity = \"lots\"\n", ":1: ", "lots"},
		{"not TOML", "mesh = \"a\"\nno-mdns true\n", ":2: ", "~"},
		{"newer", "version = 2\n", "", "version 2 is newer than 1"},
	} {
		path := writeConfig(t, c.text)
		_, err := LoadConfig(path)
		var at *FileError
		if !errors.As(err, &at) || !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v is no FileError", c.name, err)
			continue
		}
		if !strings.Contains(err.Error(), path+c.line) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q lacks %q or %q", c.name, err, path+c.line, c.says)
		}
		if at.Line > 0 && !strings.Contains(at.Excerpt, "~") {
			t.Errorf("%s: the place is not marked in\n%s", c.name, at.Excerpt)
		}
	}
}

func TestValidate(t *testing.T) {
	good := Config{Home: "/x", Mesh: "main", Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Relay: "on", Metrics: ":9170"}
	if err := good.Validate(); err != nil {
		t.Errorf("a good configuration: %v", err)
	}
	for _, c := range []struct {
		says string
		edit func(*Config)
	}{
		{"home", func(c *Config) { c.Home = "" }},
		{"mesh", func(c *Config) { c.Mesh = "Main/2" }},
		{"listen", func(c *Config) { c.Listen = []string{"127.0.0.1:4170"} }},
		{"of a peer", func(c *Config) {
			c.Listen = []string{"/ip4/127.0.0.1/tcp/1/p2p/12D3KooWEZ5ivpGmYLnqAHeJM5Zz4cMxVpiThiYkkDLwpqeKyuZN"}
		}},
		{"bootstrap", func(c *Config) { c.Bootstrap = []string{"/ip4/127.0.0.1/tcp/4170"} }},
		{"capacity", func(c *Config) { c.Capacity = -1 }},
		{"relay", func(c *Config) { c.Relay = "maybe" }},
		{"metrics", func(c *Config) { c.Metrics = "9170" }},
	} {
		bad := good
		c.edit(&bad)
		if err := bad.Validate(); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v", c.says, err)
		}
	}
}
