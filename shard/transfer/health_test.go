package transfer

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

func sampleHealth() healthFile {
	return healthFile{
		Version: healthVersion, Checked: 1_800_000_000, Segments: 7, Good: 5, Margin: 2, FullMargin: 3, AtRisk: 1 << 24, Lost: 1,
		Hosts: []hostHealth{
			{Peer: testPeer(1), Seen: 1_800_000_000, Verdict: verdictOK, Shards: 7},
			{Peer: testPeer(2), Verdict: verdictUnreachable, Shards: 6},
		},
	}
}

// The bytes of a health file do not change within a version.
func TestHealthFileIsGolden(t *testing.T) {
	data, err := sampleHealth().encode()
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "health.hex")
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(data); got != strings.TrimSpace(string(want)) {
		t.Errorf("health file is now\n%s", got)
	}
	if f, ok := parseHealth(data); !ok || !reflect.DeepEqual(f, sampleHealth()) {
		t.Errorf("read back: %+v, %v", f, ok)
	}
}

func TestReadHealth(t *testing.T) {
	manifest := filepath.Join(t.TempDir(), "x.batchain")
	if _, ok := ReadHealth(manifest); ok {
		t.Error("there is none")
	}
	good, err := sampleHealth().encode()
	if err != nil {
		t.Fatal(err)
	}
	write := func(data []byte) {
		if err := os.WriteFile(manifest+HealthSuffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(good)
	want := Health{Checked: time.Unix(1_800_000_000, 0), Segments: 7, Hosts: 5, Margin: 2, FullMargin: 3, AtRisk: 1 << 24, Lost: 1}
	if h, ok := ReadHealth(manifest); !ok || h != want {
		t.Errorf("%+v, %v", h, ok)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		write(bad)
		if h, ok := ReadHealth(manifest); ok {
			t.Fatalf("byte %d is damaged: %+v", i, h)
		}
		write(good[:i])
		if h, ok := ReadHealth(manifest); ok {
			t.Fatalf("cut to %d bytes: %+v", i, h)
		}
	}
	for name, spoil := range map[string]func(*healthFile){
		"newer":           func(f *healthFile) { f.Version++ },
		"never checked":   func(f *healthFile) { f.Checked = 0 },
		"no segments":     func(f *healthFile) { f.Segments = 0 },
		"too many lost":   func(f *healthFile) { f.Lost = f.Segments + 1 },
		"margin":          func(f *healthFile) { f.Margin = -2 },
		"unknown verdict": func(f *healthFile) { f.Hosts[0].Verdict = 200 },
		"negative shards": func(f *healthFile) { f.Hosts[0].Shards = -1 },
		"host without id": func(f *healthFile) { f.Hosts[0].Peer = "" },
	} {
		f := sampleHealth()
		spoil(&f)
		data, err := f.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := parseHealth(data); ok {
			t.Errorf("%s: taken", name)
		}
	}
}

func FuzzHealth(f *testing.F) {
	good, err := sampleHealth().encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(wire.AppendFrame(nil, healthKind, []byte{0, 0, 0, 0, 0xa0}))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, ok := parseHealth(data)
		if !ok {
			return
		}
		again, err := got.encode()
		if err != nil {
			t.Fatal(err)
		}
		if same, ok := parseHealth(again); !ok || !reflect.DeepEqual(same, got) {
			t.Fatalf("%+v became %+v", got, same)
		}
	})
}

// health is what a file can still lose, by the shards that are good.
func TestHealthOfAFile(t *testing.T) {
	const sealed = 64 << 10
	for name, tc := range map[string]struct {
		scheme shard.Scheme
		hosts  int
		bad    []int // hosts
		want   Health
	}{
		"whole":               {twoThree, 5, nil, Health{Hosts: 5, Margin: 3, FullMargin: 3}},
		"one host gone":       {twoThree, 5, []int{1}, Health{Hosts: 4, Margin: 2, FullMargin: 3}},
		"at risk":             {twoThree, 5, []int{1, 2}, Health{Hosts: 3, Margin: 1, FullMargin: 3, AtRisk: 10 * sealed}},
		"nothing left over":   {twoThree, 5, []int{1, 2, 3}, Health{Hosts: 2, Margin: 0, FullMargin: 3, AtRisk: 10 * sealed}},
		"lost":                {twoThree, 5, []int{1, 2, 3, 4}, Health{Hosts: 1, Margin: -1, FullMargin: 3, AtRisk: 10 * sealed, Lost: 10}},
		"more hosts":          {twoThree, 10, []int{1}, Health{Hosts: 9, Margin: 2, FullMargin: 3}},
		"hosts that share":    {shard.Scheme{Data: 4, Parity: 4}, 2, nil, Health{Hosts: 2, Margin: 1, FullMargin: 1}},
		"one of them is gone": {shard.Scheme{Data: 4, Parity: 4}, 2, []int{0}, Health{Hosts: 1, Margin: 0, FullMargin: 1, AtRisk: 10 * sealed}},
		"copies":              {shard.Scheme{Data: 1, Parity: 4}, 5, []int{0, 1}, Health{Hosts: 3, Margin: 2, FullMargin: 4, AtRisk: 10 * sealed}},
		"no parity":           {shard.Scheme{Data: 1}, 1, nil, Health{Hosts: 1, AtRisk: 10 * sealed}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFile(t, tc.scheme, 10, sealed, tc.hosts, false)
			for _, n := range tc.bad {
				f.host(n).gone = true
			}
			now := time.Unix(1_700_000_000, 0)
			tc.want.Checked, tc.want.Segments = now, 10
			if got, err := f.survey(t, healthFile{}, nobody).health(now); err != nil || got != tc.want {
				t.Errorf("%+v, want %+v, %v", got, tc.want, err)
			}
		})
	}
}
