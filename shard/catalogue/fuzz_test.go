package catalogue

import (
	"errors"
	"testing"
	"time"

	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

func FuzzParsePage(f *testing.F) {
	plain, err := fixedState().blob(0)
	check(f, err)
	f.Add(plain)
	newer, err := wire.Marshal(map[int]any{1: 2})
	check(f, err)
	f.Add(newer)
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := parsePage(data, 0)
		if err != nil {
			if !errors.Is(err, wire.ErrBadRequest) && !errors.Is(err, ErrNewer) {
				t.Fatal(err)
			}
			return
		}
		now := time.Unix(1_800_000_000, 0)
		s := fixedState()
		s.take([]pageSlot{{slot{writer: 1, seq: 1}, b}}, 2, now, func(*state) {})
		for number := range s.Pages { // what was taken in can be passed on
			if again, err := s.blob(number); err != nil || len(again) > maxPlain {
				t.Fatalf("%d bytes, %v", len(again), err)
			}
		}
		data, err = s.encode()
		check(t, err)
		if _, err := parseState(data); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParseManifest(f *testing.F) {
	plain, err := wire.Marshal(manifestBlob{Version: blobVersion, Kind: whole, Made: 5, Data: []byte{1}})
	check(f, err)
	f.Add(plain)
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := parseManifest(data)
		if err == nil && (b.Version != blobVersion || b.Kind != whole && b.Kind != indirect) {
			t.Fatalf("%+v", b)
		}
		if err != nil && !errors.Is(err, wire.ErrBadRequest) && !errors.Is(err, ErrNewer) {
			t.Fatal(err)
		}
	})
}

// The input is a state without its checksum, which is made right, so that the
// fuzzer gets past it.
func FuzzParseState(f *testing.F) {
	data, err := fixedState().encode()
	check(f, err)
	f.Add(data[:len(data)-32])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := blake3.Sum256(body)
		s, err := parseState(append(body[:len(body):len(body)], sum[:]...))
		if err != nil {
			if !errors.Is(err, errDamaged) && !errors.Is(err, ErrNewer) {
				t.Fatal(err)
			}
			return
		}
		s.add(row{File: shard.FileID{1}, Added: 1})
		s.bury(shard.FileID{2}, 1)
		s.prune(time.Unix(1_800_000_000, 0), func(shard.FileID) bool { return false })
		for _, p := range s.Pages {
			p.due(time.Unix(1_800_000_000, 0))
		}
		if _, err := s.clone().encode(); err != nil {
			t.Fatal(err)
		}
	})
}
