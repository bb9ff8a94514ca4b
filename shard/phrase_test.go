package shard

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The vectors of 256 bits that come with BIP 39.
var phraseVectors = [][2]string{
	{"0000000000000000000000000000000000000000000000000000000000000000", "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art"},
	{"7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f", "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title"},
	{"8080808080808080808080808080808080808080808080808080808080808080", "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless"},
	{"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote"},
	{"3e141609b97933b66a060dcddc71fad1d91677db872031e85f4c015c5e7e8982", "dignity pass list indicate nasty swamp pool script soccer toe leaf photo multiply desk host tomato cradle drill spread actor shine dismiss champion exotic"},
	{"2c85efc7f24ee4573d2b81a6ec66cee209b2dcbd09d8eddc51e0215b0b68e416", "clutch control vehicle tonight unusual clog visa ice plunge glimpse recipe series open hour vintage deposit universe tip job dress radar refuse motion taste"},
	{"4fa1a8bc3e6d80ee1316050e862c1812031493212b7ec3f3bb1b08f168cabeef", "exile ask congress lamp submit jacket era scheme attend cousin alcohol catch course end lucky hurt sentence oven short ball bird grab wing top"},
	{"15da872c95a13dd738fbf50e427583ad61f18fd99f628c417a61cf8343c90419", "beyond stage sleep clip because twist token leaf atom beauty genius food business side grid unable middle armed observe pair crouch tonight away coconut"},
}

func TestPhraseVectors(t *testing.T) {
	for _, v := range phraseVectors {
		data, err := hex.DecodeString(v[0])
		check(t, err)
		seed := Seed(data)
		if got := strings.Join(seed.Phrase(), " "); got != v[1] {
			t.Errorf("%s is written\n%s, want\n%s", v[0], got, v[1])
		}
		if got, err := ParsePhrase(v[1]); err != nil || got != seed {
			t.Errorf("%s: reads as %x, %v", v[1], got, err)
		}
	}
}

func TestPhraseAsPeopleWriteIt(t *testing.T) {
	want := fixedSeed()
	words := want.Phrase()
	numbered, glued, quoted := "", "", ""
	for i, word := range words {
		numbered += fmt.Sprintf("%2d. %s\r\n", i+1, word)
		glued += fmt.Sprintf("%d)%s ", i+1, word)
		quoted += fmt.Sprintf("%q, ", word)
	}
	plain := strings.Join(words, " ")
	tests := map[string]string{
		"plain": plain, "upper case": strings.ToUpper(plain), "title": strings.ToUpper(plain[:1]) + plain[1:] + ".",
		"lines": "\n\n" + strings.Join(words, "\n\n\t ") + "\n", "commas": strings.Join(words, ","),
		"numbered": numbered, "glued": glued, "quoted": quoted, "table": "| " + strings.Join(words, " | ") + " |",
		"byte order mark, hard spaces": "\ufeff" + strings.Join(words, "\u00a0"),
	}
	for name, text := range tests {
		if got, err := ParsePhrase(text); err != nil || got != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPhraseSaysWhatIsWrong(t *testing.T) {
	words := fixedSeed().Phrase()
	with := func(at int, word string) string {
		changed := append([]string(nil), words...)
		changed[at] = word
		return strings.Join(changed, " ")
	}
	tests := map[string]struct {
		text string
		want PhraseError
		says string
	}{
		"nothing":       {"", PhraseError{}, "0 words, 24 are expected"},
		"one missing":   {strings.Join(words[:23], " "), PhraseError{Words: 23}, "23 words"},
		"one too many":  {strings.Join(words, " ") + " zoo", PhraseError{Words: 25}, "25 words"},
		"unknown":       {with(6, "tomatoe"), PhraseError{Words: 24, Place: 7, Word: "tomatoe"}, `word 7, "tomatoe"`},
		"unknown, few":  {"abandon zo", PhraseError{Words: 2, Place: 2, Word: "zo"}, `word 2, "zo"`},
		"a digit in it": {with(0, "aband0n"), PhraseError{Words: 24, Place: 1, Word: "aband0n"}, "word 1"},
		"very long":     {with(0, strings.Repeat("x", 100)), PhraseError{Words: 24, Place: 1, Word: strings.Repeat("x", 32)}, "word 1"},
		"checksum":      {with(23, "zoo"), PhraseError{Words: 24}, "checksum fails"},
		"changed places": {strings.Join(append([]string{words[1], words[0]}, words[2:]...), " "),
			PhraseError{Words: 24}, "checksum fails"},
		"hex": {strings.Repeat("00", 32), PhraseError{}, "0 words"},
	}
	for name, test := range tests {
		_, err := ParsePhrase(test.text)
		var got *PhraseError
		if !errors.As(err, &got) || *got != test.want || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v (%+v), want %+v", name, err, got, test.want)
		}
	}
}

func TestPhraseRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := Seed(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		words := seed.Phrase()
		if got, err := ParsePhrase(strings.Join(words, " ")); err != nil || got != seed {
			t.Fatalf("%x reads as %x, %v", seed, got, err)
		}
	})
}

func FuzzParsePhrase(f *testing.F) {
	for _, v := range phraseVectors[:3] {
		f.Add(v[1])
	}
	f.Add("1. Zoo, 2. \xff zoo\n")
	f.Fuzz(func(t *testing.T, text string) {
		seed, err := ParsePhrase(text)
		if err != nil {
			if wrong := (*PhraseError)(nil); !errors.As(err, &wrong) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if got := strings.Join(phraseWords(text), " "); got != strings.Join(seed.Phrase(), " ") {
			t.Fatalf("%q reads as %x", text, seed)
		}
	})
}
