package transfer

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestGetIsKilled(t *testing.T) {
	b, manifest, content := putFile(t, 16)
	out := filepath.Join(t.TempDir(), "out")
	b.play("get", order{Path: manifest, Out: out}, 7)
	r, err := b.engine.Get(t.Context(), manifest, Destination{Path: out}, quiet)
	if err != nil || r.Received >= (16-7+1)*segmentSize {
		t.Fatalf("%+v, %v", r, err)
	}
	same(t, out, content)
}

func TestDiskFullAtTheReader(t *testing.T) {
	b, manifest, content := putFile(t, 8)
	out := filepath.Join(t.TempDir(), "out")
	last := b.play("get", order{Path: manifest, Out: out, FileSize: 3*segmentSize + 100}, 0)
	if want := "error write " + out + partSuffix + ": " + syscall.EFBIG.Error(); last != want {
		t.Errorf("%q, want %q", last, want)
	}
	r, err := b.engine.Get(t.Context(), manifest, Destination{Path: out}, quiet)
	if err != nil || r.Received < 5*segmentSize || r.Received >= 6*segmentSize {
		t.Fatalf("%+v, %v", r, err)
	}
	same(t, out, content)
}

func TestPlantedParts(t *testing.T) {
	b, manifest, content := putFile(t, 2)
	dir := t.TempDir()
	out, victim := filepath.Join(dir, "out"), filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func() error{
		"symlink":            func() error { return os.Symlink(victim, out+partSuffix) },
		"symlink to nothing": func() error { return os.Symlink(filepath.Join(dir, "made"), out+partSuffix) },
		"pipe":               func() error { return syscall.Mkfifo(out+partSuffix, 0o666) },
		"folder":             func() error { return os.Mkdir(out+partSuffix, 0o777) },
	} {
		if err := plant(); err != nil {
			t.Fatal(err)
		}
		if _, err := b.engine.Get(t.Context(), manifest, Destination{Path: out}, quiet); err == nil {
			t.Errorf("a %s was written to", name)
		}
		if err := os.Remove(out + partSuffix); err != nil {
			t.Fatal(err)
		}
	}
	same(t, victim, []byte("precious"))
	if _, err := os.Lstat(filepath.Join(dir, "made")); err == nil {
		t.Error("a file was made where a symlink points")
	}

	// One that others may read becomes ours alone.
	if err := os.WriteFile(out+partSuffix, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := b.engine.Get(t.Context(), manifest, Destination{Path: out}, func(Progress) {
		if info, err := os.Stat(out + partSuffix); err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("the part is %v", info.Mode())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, out, content)
}

// --force replaces a file, never a device or a pipe.
func TestForceSparesWhatIsNoFile(t *testing.T) {
	b, manifest, _ := putFile(t, 1)
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := b.engine.Get(t.Context(), manifest, Destination{Path: pipe, Force: true}, quiet)
	if !errors.Is(err, ErrNoFile) {
		t.Errorf("get: %v", err)
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode().Type() != os.ModeNamedPipe {
		t.Errorf("the pipe is now %v, %v", info, err)
	}
}

// What people keep as NAME.part is theirs.
func TestOthersPartIsSpared(t *testing.T) {
	b, manifest, content := putFile(t, 1)
	out := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(out+".part", []byte("notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine.Get(t.Context(), manifest, Destination{Path: out}, quiet); err != nil {
		t.Fatal(err)
	}
	notes, err := os.ReadFile(out + ".part")
	got, gotErr := os.ReadFile(out)
	if string(notes) != "notes" || !bytes.Equal(got, content) || err != nil || gotErr != nil {
		t.Errorf("notes %q, %v; %d bytes, %v", notes, err, len(got), gotErr)
	}
}
