package shard

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/tyler-smith/go-bip39"
)

// PhraseLength is how many words write a [Seed].
const PhraseLength = 24

// PhraseError says why words are no [Seed].
type PhraseError struct {
	Words int    // that were read; [PhraseLength] are expected
	Place int    // of the first word that the list does not have, from 1; 0 for none
	Word  string // that word, as it was given, at most 32 bytes of it
}

// Error names the wrong word, or says that the words do not belong together.
func (e *PhraseError) Error() string {
	switch {
	case e.Place != 0:
		return fmt.Sprintf("word %d, %q, is none of the list", e.Place, e.Word)
	case e.Words != PhraseLength:
		return fmt.Sprintf("%d words, %d are expected", e.Words, PhraseLength)
	default:
		return "the checksum fails: a word is wrong, or two have changed places"
	}
}

// Phrase writes the seed as 24 English words, each 11 bits of the seed and 8
// bits of its SHA-256 (BIP 39, without a passphrase; the seed is the entropy).
func (s Seed) Phrase() []string {
	text, err := bip39.NewMnemonic(s[:])
	if err != nil {
		panic("shard: internal error: " + err.Error())
	}
	return strings.Fields(text)
}

// ParsePhrase reads what [Seed.Phrase] wrote and a person copied: in any case,
// on any lines, numbered or with commas. Errors: [*PhraseError].
func ParsePhrase(text string) (Seed, error) {
	words := phraseWords(text)
	for i, word := range words {
		if _, known := bip39.GetWordIndex(word); !known && i < PhraseLength {
			return Seed{}, &PhraseError{Words: len(words), Place: i + 1, Word: word[:min(len(word), 32)]}
		}
	}
	if len(words) != PhraseLength {
		return Seed{}, &PhraseError{Words: len(words)}
	}
	entropy, err := bip39.EntropyFromMnemonic(strings.Join(words, " "))
	if err != nil {
		return Seed{}, &PhraseError{Words: len(words)}
	}
	return Seed(entropy), nil
}

// phraseWords cuts text into words, and drops what is around them: the number
// and the point of "12. tomato", a comma, a mark that an editor left.
func phraseWords(text string) []string {
	var words []string
	for field := range strings.FieldsFuncSeq(strings.ToLower(text), betweenWords) {
		if word := strings.TrimFunc(field, notLetter); word != "" {
			words = append(words, word)
		}
	}
	return words
}

func betweenWords(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == ';' || r == '|' }

func notLetter(r rune) bool { return !unicode.IsLetter(r) }
