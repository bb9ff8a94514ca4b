package transfer

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
)

// putFile makes a bed with one file of segments segments on it.
func putFile(t *testing.T, segments int) (b *bed, manifest string, content []byte) {
	b = newCutBed(t)
	path, content := b.file("f", segments*(segmentSize-shard.SealOverhead))
	return b, b.put(path, PutOptions{}).Manifest, content
}

// interrupt gets until n segments are written, and returns the path.
func (b *bed) interrupt(manifest string, n int) (out string) {
	b.t.Helper()
	out = filepath.Join(b.t.TempDir(), "out")
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	_, err := b.engine.Get(ctx, manifest, Destination{Path: out}, func(Progress) {
		if n--; n == 0 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		b.t.Fatalf("get: %v", err)
	}
	return out
}

func same(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s: %d bytes of %d, equal %v, error %v", path, len(got), len(want), bytes.Equal(got, want), err)
	}
	if _, err := os.Lstat(path + partSuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the part is still there: %v", err)
	}
}

func TestGetGoesOn(t *testing.T) {
	const segments, full = 8, segmentSize - shard.SealOverhead
	b, manifest, content := putFile(t, segments)
	for name, tc := range map[string]struct {
		spoil func(part *os.File) error
		kept  int64 // segments
	}{
		"as it was":            {func(*os.File) error { return nil }, 5},
		"second one damaged":   {func(part *os.File) error { _, err := part.WriteAt([]byte("x"), full+9); return err }, 1},
		"torn":                 {func(part *os.File) error { return part.Truncate(3*full + 7) }, 3},
		"rubbish at the end":   {func(part *os.File) error { _, err := part.WriteAt(make([]byte, full), 5*full); return err }, 5},
		"longer than the file": {func(part *os.File) error { return part.Truncate(2 * segments * full) }, 5},
	} {
		t.Run(name, func(t *testing.T) {
			out := b.interrupt(manifest, 5)
			part, err := os.OpenFile(out+partSuffix, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			// What was under way when the get ended may be written as well.
			if err := errors.Join(part.Truncate(5*full), tc.spoil(part), part.Close()); err != nil {
				t.Fatal(err)
			}
			r, err := b.engine.Get(t.Context(), manifest, Destination{Path: out}, quiet)
			if err != nil {
				t.Fatal(err)
			}
			if r.Received < (segments-tc.kept)*segmentSize || r.Received > (segments-tc.kept+1)*segmentSize {
				t.Errorf("received %d bytes, want those of %d segments", r.Received, segments-tc.kept)
			}
			same(t, out, content)
		})
	}
}

func TestOutputExists(t *testing.T) {
	b, manifest, content := putFile(t, 3)
	out := filepath.Join(t.TempDir(), "out")
	write := func() {
		if err := os.WriteFile(out, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write()
	asked := int64(0)
	_, err := b.engine.Get(t.Context(), manifest, Destination{Path: out}, func(p Progress) { asked += p.Done })
	if !errors.Is(err, ErrExists) || asked != 0 {
		t.Errorf("%v after %d bytes", err, asked)
	}
	same(t, out, []byte("mine"))
	if _, err := b.engine.Get(t.Context(), manifest, Destination{Path: out, Force: true}, quiet); err != nil {
		t.Fatal(err)
	}
	same(t, out, content)

	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	_, err = b.engine.Get(t.Context(), manifest, Destination{Path: out}, func(p Progress) { write() })
	if !errors.Is(err, ErrExists) {
		t.Errorf("appeared in the meantime: %v", err)
	}
	if got, _ := os.ReadFile(out); string(got) != "mine" {
		t.Errorf("it was replaced by %d bytes", len(got))
	}
	if got, _ := os.ReadFile(out + partSuffix); !bytes.Equal(got, content) {
		t.Errorf("the part has %d bytes", len(got))
	}
	if r, err := b.engine.Get(t.Context(), manifest, Destination{Path: out, Force: true}, quiet); err != nil || r.Received != 0 {
		t.Errorf("with force: %+v, %v", r, err)
	}
	same(t, out, content)
}

func TestModeAndTimeComeBack(t *testing.T) {
	b := newBed(t, 3)
	path, _ := b.file("f", 100)
	when := time.Unix(1_234_567_890, 123_456_789)
	if err := errors.Join(os.Chmod(path, 0o6751), os.Chtimes(path, when, when)); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	if _, err := b.engine.Get(t.Context(), b.put(path, PutOptions{}).Manifest, Destination{Path: out}, quiet); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(out)
	if err != nil || info.Mode() != 0o751 || !info.ModTime().Equal(when) {
		t.Errorf("%v %v, %v", info.Mode(), info.ModTime(), err)
	}
}

// A crash between link and remove leaves the whole file with two names; a later
// get of another file must not write into it.
func TestPartIsTheFileItself(t *testing.T) {
	b, manifest, content := putFile(t, 2)
	out := filepath.Join(t.TempDir(), "out")
	if err := errors.Join(os.WriteFile(out, []byte("whole"), 0o600), os.Link(out, out+partSuffix)); err != nil {
		t.Fatal(err)
	}
	_, err := b.engine.Get(t.Context(), manifest, Destination{Path: out, Force: true}, func(Progress) {
		if got, _ := os.ReadFile(out); string(got) != "whole" {
			t.Errorf("it reads %.20q before it is replaced", got)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, out, content)
}

func TestOneGetOfAFileAtATime(t *testing.T) {
	b, manifest, content := putFile(t, 3)
	path, _ := b.file("g", 3*segmentSize)
	other := b.put(path, PutOptions{}).Manifest
	out := filepath.Join(t.TempDir(), "out")
	_, err := b.engine.Get(t.Context(), manifest, Destination{Path: out}, func(Progress) {
		if _, err := b.engine.Get(t.Context(), other, Destination{Path: out, Force: true}, quiet); !errors.Is(err, ErrGetBusy) {
			t.Errorf("second: %v", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, out, content)
}

func TestFolderTakesASafeName(t *testing.T) {
	b := newBed(t, 3)
	for _, name := range []string{"plain.txt", "../../etc/passwd", "/abs", "..", "", "a\x00b", "x\nevil"} {
		content := []byte("of " + name)
		r, err := b.engine.Put(t.Context(), Source{Stream: bytes.NewReader(content), Name: name, Size: -1}, PutOptions{}, quiet)
		if err != nil {
			t.Fatal(err)
		}
		parent := t.TempDir()
		dir := filepath.Join(parent, "in")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		got, err := b.engine.Get(t.Context(), r.Manifest, Destination{Path: dir}, quiet)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if got.Path != filepath.Join(dir, shard.SafeName(name)) || filepath.Dir(got.Path) != dir {
			t.Errorf("%q went to %s", name, got.Path)
		}
		same(t, got.Path, content)
		if in, _ := os.ReadDir(parent); len(in) != 1 {
			t.Errorf("%q: beside the folder there is %v", name, in)
		}
	}
}

func TestFolderInPlaceOfTheFile(t *testing.T) {
	b := newBed(t, 3)
	path, _ := b.file("f", 10)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "f"), 0o700); err != nil {
		t.Fatal(err)
	}
	manifest := b.put(path, PutOptions{}).Manifest
	if _, err := b.engine.Get(t.Context(), manifest, Destination{Path: dir, Force: true}, quiet); !errors.Is(err, ErrNoFile) {
		t.Errorf("%v", err)
	}
}
