package shard

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/wire"
)

func TestSafeName(t *testing.T) {
	for name, want := range map[string]string{
		"film.mkv":                      "film.mkv",
		"été 2024.txt":                  "été 2024.txt",
		".bashrc":                       ".bashrc",
		"a..b":                          "a..b",
		"...":                           "unnamed",
		"":                              "unnamed",
		".":                             "unnamed",
		"..":                            "unnamed",
		". .":                           "unnamed",
		"/":                             "unnamed",
		"//":                            "unnamed",
		`\`:                             "unnamed",
		"a/..":                          "unnamed",
		"a/../":                         "unnamed",
		"../../etc/passwd":              "passwd",
		`..\..\boot.ini`:                "boot.ini",
		"C:evil.exe":                    "evil.exe",
		"C:":                            "unnamed",
		"dir/":                          "dir",
		"dir / ":                        "dir",
		"a\x00b":                        "ab",
		"a\nb\x1b[31m":                  "ab[31m",
		"..\x00":                        "unnamed",
		"a/\x7f..":                      "unnamed",
		"\xff\xfe":                      "unnamed",
		"caf\xe9":                       "caf",
		".\xff.":                        "unnamed",
		"a/.\xe9.":                      "unnamed",
		"x\u009b31m":                    "x31m",
		"invoice\u202efdp.exe":          "invoicefdp.exe",
		"\u2066\u2069":                  "unnamed",
		strings.Repeat("a", 300):        strings.Repeat("a", 255),
		strings.Repeat("é", 200):        strings.Repeat("é", 127),
		strings.Repeat("/", 4000):       "unnamed",
		strings.Repeat("a", 254) + " b": strings.Repeat("a", 254),
	} {
		if got := SafeName(name); got != want {
			t.Errorf("%.40q: %q, want %q", name, got, want)
		}
	}
}

func TestPrivateOpensOnlyAsItself(t *testing.T) {
	key, file := fixedSeed().FileKey(fixedFile()), fixedFile()
	p := fixedContent(t).private
	record, err := p.seal(key)
	check(t, err)
	got, err := record.open(key, file.Locator())
	check(t, err)
	if got != p {
		t.Fatalf("%+v came back of %+v", got, p)
	}
	_, err = record.open(fixedSeed().FileKey(FileID{}), file.Locator())
	wantErr(t, err, ErrManifest)
	_, err = record.open(key, FileID{}.Locator())
	wantErr(t, err, ErrManifest)
	moved := record
	moved.Nonce[0] ^= 1
	_, err = moved.open(key, file.Locator())
	wantErr(t, err, ErrManifest)
}

// Whoever holds the key can seal what they like: bounds hold for them, too.
func TestPrivateRefusesWhatMakesNoSense(t *testing.T) {
	key, locator := fixedSeed().FileKey(fixedFile()), fixedFile().Locator()
	for name, body := range map[string]any{
		"another file":  privateBody{File: FileID{1}},
		"negative size": privateBody{File: fixedFile(), Size: -1},
		"long name":     privateBody{File: fixedFile(), Name: make([]byte, maxName+1)},
		"no map":        "text",
	} {
		plain, err := wire.Marshal(body)
		check(t, err)
		nonce := NewNonce()
		record := privateRecord{Nonce: nonce, Sealed: newGCM(key.privateKey()).Seal(nil, nonce[:], plain, locator[:])}
		if p, err := record.open(key, locator); err == nil {
			t.Errorf("%s: opens as %+v", name, p)
		}
	}
	if _, err := (Private{Name: strings.Repeat("n", maxName+1)}).seal(key); err == nil {
		t.Error("a name too long is sealed")
	}
}

func TestPrivateKeepsPermissionBitsOnly(t *testing.T) {
	key, p := fixedSeed().FileKey(fixedFile()), fixedContent(t).private
	p.Mode = 0o104755 // a regular file, setuid
	record, err := p.seal(key)
	check(t, err)
	got, err := record.open(key, fixedFile().Locator())
	check(t, err)
	if got.Mode != 0o755 {
		t.Errorf("mode %o", got.Mode)
	}
}

// A program that knows nothing of these two fields wrote as this one does when
// they are not set.
func TestPrivateOfAPlainFileIsWrittenAsEver(t *testing.T) {
	key, locator := fixedSeed().FileKey(fixedFile()), fixedFile().Locator()
	p := fixedContent(t).private
	old, err := wire.Marshal(map[int]any{1: p.File, 2: []byte(p.Name), 3: p.Size, 4: p.Mode, 5: p.ModTime, 6: p.Content})
	check(t, err)
	record, err := p.seal(key)
	check(t, err)
	plain, err := newGCM(key.privateKey()).Open(nil, record.Nonce[:], record.Sealed, locator[:])
	check(t, err)
	if !bytes.Equal(plain, old) {
		t.Errorf("it is written as %x, it was %x", plain, old)
	}
	for _, full := range []Private{{Expires: 1_800_000_000}, {Folder: true}, {Expires: -1, Folder: true}} {
		full.File, full.Name = p.File, p.Name
		record, err := full.seal(key)
		check(t, err)
		if got, err := record.open(key, locator); err != nil || got != full {
			t.Errorf("%+v came back of %+v, %v", got, full, err)
		}
	}
}

func TestModified(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	if got := (Private{ModTime: at.UnixNano()}).Modified(); !got.Equal(at) {
		t.Errorf("%s", got)
	}
}

func TestContentHashDependsOnOrder(t *testing.T) {
	a, b := NewContentHash(), NewContentHash()
	one, two := SumPlain([]byte("one")), SumPlain([]byte("two"))
	a.Add(one)
	a.Add(two)
	b.Add(two)
	b.Add(one)
	if a.Sum() == b.Sum() || a.Sum() != Digest(Sum(append(one[:], two[:]...))) {
		t.Error("content hash is not BLAKE3 over the segments' hashes in order")
	}
}
