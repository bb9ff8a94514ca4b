package node

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"pgregory.net/rapid"

	"github.com/batchain/batchain/wire"
)

const someone = "12D3KooWGRUaLSbSkPCqXu9Qd2dQYWrSDHmyLGTVgkYdYQyv5VFC"

func someoneID(t testing.TB) peer.ID {
	t.Helper()
	id, err := peer.Decode(someone)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestWhatOthersSayIsBounded(t *testing.T) {
	for name, a := range map[string]about{
		"another version":  {Version: 2},
		"a long agent":     {Version: 1, Agent: strings.Repeat("a", maxAgent+1)},
		"many relays":      {Version: 1, Relays: make([]peer.ID, maxRelays+1)},
		"many protocols":   {Version: 1, Protocols: make([]string, maxProtocols+1)},
		"a long protocol":  {Version: 1, Protocols: []string{strings.Repeat("p", maxProtocol+1)}},
		"a long network":   {Version: 1, Network: strings.Repeat("1", maxGroup+1)},
		"a relay is no id": {Version: 1, Relays: []peer.ID{""}},
	} {
		data, err := wire.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseAbout(data); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for name, r := range map[string]room{
		"another version": {Version: 2}, "free below zero": {Version: 1, Free: -1},
		"total below zero": {Version: 1, Total: -1}, "load below zero": {Version: 1, Load: -1},
	} {
		data, err := wire.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseRoom(data); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for name, o := range map[string]any{"another version": offer{Version: 2}, "below zero": map[int]int{1: 1, 2: -1}} {
		data, err := wire.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseOffer(data); err == nil {
			t.Errorf("an offer, %s, is taken", name)
		}
	}
	if _, err := parseRoom(make([]byte, 5000)); !errors.Is(err, wire.ErrTooBig) {
		t.Errorf("too much: %v", err)
	}
}

func FuzzParseVitals(f *testing.F) {
	id := someoneID(f)
	for _, v := range []any{
		about{Version: 1, Agent: "batchain/1", Roles: roleStorage, Reach: reachPublic, Relays: []peer.ID{id}, Protocols: []string{"/batchain/x/1.0.0"}, Network: "192.0.2.0/24"},
		room{Version: 1, Free: 1 << 40, Total: 1 << 41, Load: 3},
	} {
		data, err := wire.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, err := parseAbout(data); err == nil {
			checkStable(t, a, parseAbout)
		}
		if r, err := parseRoom(data); err == nil {
			checkStable(t, r, parseRoom)
		}
	})
}

func checkStable[T any](t *testing.T, v T, parse func([]byte) (T, error)) {
	first, err := wire.Marshal(v)
	if err != nil {
		t.Skip("it was taken with text that is not UTF-8")
	}
	again, err := parse(first)
	if err != nil {
		t.Fatalf("%+v is not taken again: %v", v, err)
	}
	if second, err := wire.Marshal(again); err != nil || !bytes.Equal(first, second) {
		t.Fatalf("%x became %x: %v", first, second, err)
	}
}

func TestRoomIsSaidWhenItDiffersEnough(t *testing.T) {
	said := room{Version: 1, Free: coarse(100 << 30), Total: 200 << 30}
	for name, c := range map[string]struct {
		now     room
		differs bool
	}{
		"the same":           {said, false},
		"a shard less":       {room{1, coarse(100<<30 - 2<<20), 200 << 30, 0}, false},
		"a third less":       {room{1, coarse(66 << 30), 200 << 30, 0}, true},
		"a third more":       {room{1, coarse(140 << 30), 200 << 30, 0}, true},
		"nothing left":       {room{1, 0, 200 << 30, 0}, true},
		"given less in all":  {room{1, said.Free, 150 << 30, 0}, true},
		"something to serve": {room{1, said.Free, 200 << 30, 1}, true},
	} {
		if got := said.differs(c.now); got != c.differs {
			t.Errorf("%s: %v", name, got)
		}
	}
	if !(room{}).differs(room{Version: 1}) {
		t.Error("nothing was said yet")
	}
	// A disk that fills evenly is told of a few dozen times, however many shards come.
	told, last := 0, room{}
	for used := int64(0); used <= 100<<30; used += 8 << 20 {
		if now := (room{Version: 1, Free: coarse(100<<30 - used)}); last.differs(now) {
			told, last = told+1, now
		}
	}
	if told > 100 {
		t.Errorf("told %d times", told)
	}
}

func TestCoarse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Min(0).Draw(t, "n")
		if r := coarse(n); r > n || n-r > n/4 || coarse(r) != r || (n > 0) != (r > 0) {
			t.Fatalf("%d became %d", n, r)
		}
	})
}

func TestNetworkAndRelaysOfAddresses(t *testing.T) {
	var addrs []ma.Multiaddr
	for _, text := range []string{
		"/ip4/127.0.0.1/tcp/4170", "/ip4/10.0.0.1/tcp/4170",
		"/ip4/8.8.4.4/tcp/4170/p2p/" + someone + "/p2p-circuit",
		"/ip4/8.8.8.8/tcp/4170", "/ip6/2001:4860:4860::8888/tcp/4170",
	} {
		addrs = append(addrs, ma.StringCast(text))
	}
	if got := networkOf(addrs); got != "8.8.8.0/24" {
		t.Errorf("network %q", got)
	}
	if got := networkOf(addrs[4:]); got != "2001:4860:4860::/48" {
		t.Errorf("network %q", got)
	}
	if got := networkOf(addrs[:3]); got != "" {
		t.Errorf("network %q where there is none", got)
	}
	if got := relaysOf(addrs); len(got) != 1 || got[0].String() != someone {
		t.Errorf("relays %v", got)
	}
}

// Work is told of when there is some, when there is none any more, and in steps.
func TestOffersAreToldInSteps(t *testing.T) {
	for _, c := range []struct {
		said, now uint64
		tells     bool
	}{{0, 0, false}, {0, 1, true}, {1, 0, true}, {100, 101, false}, {100, 1, true}, {1, 100, true}} {
		if (offer{Units: c.said}).differs(offer{Version: 1, Units: c.now}) != c.tells {
			t.Errorf("%d after %d: told is not %v", c.now, c.said, c.tells)
		}
	}
}
