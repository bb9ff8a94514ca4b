package broker

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/batchain/batchain/wire"
)

var update = flag.Bool("update", false, "write the golden files")

// somebody is the peer whose Ed25519 key is 32 bytes of 1.
var somebody = peer.ID("\x00\x24\x08\x01\x12\x20" + strings.Repeat("\x01", 32))

func addrs(t testing.TB, texts ...string) []ma.Multiaddr {
	t.Helper()
	var list []ma.Multiaddr
	for _, text := range texts {
		addr, err := ma.NewMultiaddr(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, addr)
	}
	return list
}

func samples(t testing.TB) map[string]any {
	two := encodeAddrs(addrs(t, "/ip4/11.1.0.2/udp/4170/quic-v1", "/ip6/2001:db8::1/tcp/4170"))
	return map[string]any{
		"introduction":      &introduction{Peer: []byte(somebody), Addrs: two},
		"introduction-open": &introduction{Peer: []byte(somebody), Addrs: two, Open: true},
		"ready":             &readyMessage{Addrs: two},
		"ready-open":        &readyMessage{Addrs: two, Open: true},
		"observe":           &struct{}{},
		"observed":          &observedMessage{Addr: two[0]},
	}
}

func TestGoldenMessages(t *testing.T) {
	for name, message := range samples(t) {
		got, err := wire.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "v1", name+".hex")
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(hex.EncodeToString(got)+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: written as %x, want %x (%v)", name, got, want, err)
		}
		back := reflect.New(reflect.TypeOf(message).Elem()).Interface()
		if err := wire.Unmarshal(want, back); err != nil || !reflect.DeepEqual(back, message) {
			t.Errorf("%s: read as %+v, want %+v (%v)", name, back, message, err)
		}
	}
}

func TestMessagesAreBounded(t *testing.T) {
	one := encodeAddrs(addrs(t, "/ip4/11.1.0.2/tcp/4170"))[0]
	for name, m := range map[string]introduction{
		"no peer":        {},
		"a long peer":    {Peer: bytes.Repeat([]byte{1}, maxPeerID+1)},
		"many addresses": {Peer: []byte(somebody), Addrs: slicesOf(one, maxClaims+1)},
		"a long address": {Peer: []byte(somebody), Addrs: [][]byte{make([]byte, maxAddr+1)}},
	} {
		payload, err := wire.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := parseIntroduction(payload); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func slicesOf(one []byte, n int) (many [][]byte) {
	for range n {
		many = append(many, one)
	}
	return many
}

func FuzzParseIntroduction(f *testing.F) {
	for _, name := range []string{"introduction", "introduction-open"} {
		data, err := wire.Marshal(samples(f)[name])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, at, err := parseIntroduction(data)
		if err != nil {
			return
		}
		again, err := wire.Marshal(introduction{[]byte(p), encodeAddrs(at.addrs), at.open})
		if err != nil {
			t.Fatal(err)
		}
		q, same, err := parseIntroduction(again)
		if err != nil || q != p || !reflect.DeepEqual(same, at) {
			t.Fatalf("%v %v, then %v %v, %v", p, at, q, same, err)
		}
	})
}

func FuzzParseAnswers(f *testing.F) {
	for _, name := range []string{"ready", "ready-open", "observed"} {
		data, err := wire.Marshal(samples(f)[name])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if at, err := parseReady(data); err == nil {
			again, err := wire.Marshal(readyMessage{encodeAddrs(at.addrs), at.open})
			if err != nil {
				t.Fatal(err)
			}
			if same, err := parseReady(again); err != nil || !reflect.DeepEqual(same, at) {
				t.Fatalf("%v, then %v, %v", at, same, err)
			}
		}
		if addr, err := parseObserved(data); err == nil && !dialable(addr) {
			t.Fatalf("%v is of no use", addr)
		}
	})
}
