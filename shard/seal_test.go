package shard

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/batchain/batchain/wire"
)

func drawPlain(t *rapid.T) []byte {
	n := rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(0, 1<<17)).Draw(t, "length")
	plain := pattern(n)
	if n > 0 {
		plain[rapid.IntRange(0, n-1).Draw(t, "at")] ^= rapid.Byte().Draw(t, "xor")
	}
	return plain
}

func TestSealOpen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSealer(fixedSeed().FileKey(fixedFile()), fixedFile())
		plain, number, last, nonce := drawPlain(t), rapid.Uint32().Draw(t, "number"), rapid.Bool().Draw(t, "last"), NewNonce()
		buf := append(make([]byte, 0, len(plain)+SealOverhead), plain...)
		sealed := s.Seal(buf, number, last, nonce)
		if len(sealed) != len(plain)+SealOverhead || &sealed[0] != &buf[:1][0] {
			t.Fatalf("%d bytes sealed from %d, not in place", len(sealed), len(plain))
		}
		if len(plain) >= 16 && bytes.Contains(sealed, plain[:16]) {
			t.Fatal("plaintext shows")
		}
		got, err := s.Open(sealed, number, last, nonce)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("opened %d bytes, %v", len(got), err)
		}
	})
}

func TestOpenRefusesWhatWasNotSealed(t *testing.T) {
	seed, file := fixedSeed(), fixedFile()
	key, nonce := seed.FileKey(file), fixedNonce(1)
	other := file
	other[15]++
	sealed := NewSealer(key, file).Seal(pattern(100), 3, false, nonce)
	for name, try := range map[string]struct {
		sealer *Sealer
		number uint32
		last   bool
		nonce  Nonce
		damage func([]byte) []byte
	}{
		"another number":  {NewSealer(key, file), 4, false, nonce, nil},
		"as the last":     {NewSealer(key, file), 3, true, nonce, nil},
		"another nonce":   {NewSealer(key, file), 3, false, fixedNonce(2), nil},
		"another file id": {NewSealer(key, other), 3, false, nonce, nil},
		"another key":     {NewSealer(seed.FileKey(other), file), 3, false, nonce, nil},
		"cut short":       {NewSealer(key, file), 3, false, nonce, func(b []byte) []byte { return b[:len(b)-1] }},
		"longer":          {NewSealer(key, file), 3, false, nonce, func(b []byte) []byte { return append(b, 0) }},
		"nothing":         {NewSealer(key, file), 3, false, nonce, func([]byte) []byte { return nil }},
		"first bit":       {NewSealer(key, file), 3, false, nonce, func(b []byte) []byte { b[0] ^= 1; return b }},
		"last bit":        {NewSealer(key, file), 3, false, nonce, func(b []byte) []byte { b[len(b)-1] ^= 0x80; return b }},
	} {
		damaged := slices.Clone(sealed)
		if try.damage != nil {
			damaged = try.damage(damaged)
		}
		plain, err := try.sealer.Open(damaged, try.number, try.last, try.nonce)
		if plain != nil {
			t.Errorf("%s: opens to %d bytes", name, len(plain))
		}
		wantErr(t, err, wire.ErrDamaged)
	}
}

func TestRandomIsNotRepeated(t *testing.T) {
	nonces, files, seeds := map[Nonce]bool{}, map[FileID]bool{}, map[Seed]bool{}
	for range 1000 {
		nonces[NewNonce()], files[NewFileID()], seeds[NewSeed()] = true, true, true
	}
	if len(nonces) != 1000 || len(files) != 1000 || len(seeds) != 1000 {
		t.Fatalf("of 1000: %d nonces, %d file ids, %d seeds", len(nonces), len(files), len(seeds))
	}
}
