package folder

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchain/batchain/wire"
)

// forge makes a stream of any records over body.
func forge(t testing.TB, body string, records ...entryRecord) []byte {
	t.Helper()
	out := []byte(body)
	out = append(out, make([]byte, 2*blockSize)...)
	start := len(out)
	for _, r := range records {
		payload, err := wire.Marshal([]entryRecord{r})
		if err != nil {
			t.Fatal(err)
		}
		out = wire.AppendFrame(out, frameKind, payload)
	}
	length := len(out) - start
	out = append(out, magic...)
	for _, n := range []int{start, length, len(records)} {
		out = binary.BigEndian.AppendUint64(out, uint64(n))
	}
	return out
}

func file(path string) entryRecord { return entryRecord{Path: []byte(path), Size: 4, Mode: 0o777} }
func link(path, to string) entryRecord {
	return entryRecord{Path: []byte(path), Kind: Link, Link: []byte(to)}
}
func dir(path string) entryRecord { return entryRecord{Path: []byte(path), Kind: Folder, Mode: 0o755} }

// Whatever a stream says, nothing outside of the new folder changes.
func TestHostileNames(t *testing.T) {
	cases := map[string][]entryRecord{
		"up":                 {file("../evil")},
		"up inside":          {file("a/../../evil")},
		"absolute":           {file("/tmp/evil")},
		"empty":              {file("")},
		"dot":                {file(".")},
		"dots":               {file("..")},
		"slash":              {file("a/")},
		"double slash":       {file("a//b")},
		"NUL":                {file("a\x00b")},
		"too long":           {file(strings.Repeat("a/", 3000) + "b")},
		"through a link":     {link("a", ".."), file("a/evil")},
		"through a later":    {file("a/evil"), link("a", "..")},
		"link then folder":   {link("a", ".."), dir("a"), file("a/evil")},
		"folder then link":   {dir("a"), link("a", "..")},
		"link twice":         {link("a", ".."), link("a", "../..")},
		"link without aim":   {link("a", "")},
		"link with NUL":      {link("a", "b\x00c")},
		"file twice":         {file("a"), {Path: []byte("a"), Size: 1, Offset: 10}},
		"bytes twice":        {file("a"), file("b")},
		"unknown kind":       {{Path: []byte("a"), Kind: 9}},
		"past the end":       {{Path: []byte("a"), Size: 1 << 40}},
		"offset past end":    {{Path: []byte("a"), Size: 4, Offset: 1 << 62}},
		"negative":           {{Path: []byte("a"), Size: -4}},
		"negative offset":    {{Path: []byte("a"), Size: 4, Offset: -1}},
		"bytes of a folder":  {{Path: []byte("a"), Kind: Folder, Size: 4}},
		"bytes of the index": {{Path: []byte("a"), Size: 4, Offset: 16 + 2*blockSize}},
	}
	for name, records := range cases {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			dst := filepath.Join(home, "in", "back")
			if err := os.Mkdir(filepath.Dir(dst), 0o755); err != nil {
				t.Fatal(err)
			}
			data := forge(t, "evil bytes here.", records...)
			err := open(t, data).Restore(t.Context(), ".", dst)
			if err == nil {
				t.Error("it was restored")
			}
			for _, folder := range []string{home, filepath.Dir(dst)} {
				if found, _ := os.ReadDir(folder); len(found) != 1 {
					t.Errorf("in %s: %v", folder, found)
				}
			}
		})
	}
}

// A link may point anywhere: it is made, and nobody follows it.
func TestLinksAreMadeAndNotFollowed(t *testing.T) {
	dst := restore(t, forge(t, "body", link("z", "../../.."), file("b")), ".")
	if to, err := os.Readlink(filepath.Join(dst, "z")); err != nil || to != "../../.." {
		t.Errorf("link to %q, %v", to, err)
	}
}

func TestDamagedIndex(t *testing.T) {
	whole := stream(t, sample(t))
	for _, at := range []int{len(whole) - 1, len(whole) - 9, len(whole) - 17, len(whole) - 30, len(whole) - trailerSize - 5} {
		bad := bytes.Clone(whole)
		bad[at] ^= 0x40
		a, err := OpenArchive(bytes.NewReader(bad), int64(len(bad)))
		for err == nil {
			for _, broken := range a.Entries() {
				err = errors.Join(err, broken)
			}
			break
		}
		if !errors.Is(err, ErrArchive) && at != len(whole)-trailerSize-5 {
			t.Errorf("byte %d flipped: %v", at, err)
		}
	}
	for _, size := range []int{0, 1, trailerSize, 2 * blockSize} {
		if _, err := OpenArchive(bytes.NewReader(whole[:size]), int64(size)); !errors.Is(err, ErrArchive) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func FuzzArchive(f *testing.F) {
	f.Add(forge(f, "body", file("a"), link("b", "c"), dir("d")))
	f.Add(forge(f, "body", file("../a")))
	f.Add(forge(f, ""))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := OpenArchive(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		bytesOf := int64(0)
		for e, err := range a.Entries() {
			if err != nil {
				return
			}
			if !validPath(e.Path) {
				t.Fatalf("path %q", e.Path)
			}
			bytesOf += e.Size
		}
		if bytesOf > int64(len(data)) {
			t.Fatalf("%d bytes of files in %d", bytesOf, len(data))
		}
	})
}
