package folder

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// stream packs a folder.
func stream(t testing.TB, dir string) []byte {
	t.Helper()
	p, err := NewPlan(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := io.ReadAll(s)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(all)) != p.Size {
		t.Fatalf("%d bytes, %d were planned", len(all), p.Size)
	}
	return all
}

func open(t testing.TB, data []byte) *Archive {
	t.Helper()
	a, err := OpenArchive(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func restore(t testing.TB, data []byte, under string) string {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "back")
	if err := open(t, data).Restore(t.Context(), under, dst); err != nil {
		t.Fatal(err)
	}
	return dst
}

// look lists a tree as comparable text.
func look(t testing.TB, dir string) map[string]string {
	t.Helper()
	seen := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(p)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, p)
		text := info.Mode().String()
		if info.Mode().Type() == fs.ModeSymlink {
			target, _ := os.Readlink(p)
			seen[name] = "link " + target
			return nil
		}
		text += " " + info.ModTime().Format(time.RFC3339Nano)
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %x", data)
		}
		seen[name] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

func same(t testing.TB, got, want map[string]string) {
	t.Helper()
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%q: %.120s, not %.120s", name, got[name], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d entries, not %d", len(got), len(want))
	}
}

func write(t testing.TB, path string, data []byte, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

var old = time.Date(2001, 2, 3, 4, 5, 6, 789, time.UTC)

// sample makes a folder with everything in it that a folder may have.
func sample(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sample")
	write(t, filepath.Join(dir, "a.txt"), []byte("alpha"), 0o640)
	write(t, filepath.Join(dir, "sub/deep/b"), bytes.Repeat([]byte("b"), 1025), 0o755)
	write(t, filepath.Join(dir, "sub/empty"), nil, 0o400)
	write(t, filepath.Join(dir, "sub-sorted-between"), []byte("x"), 0o600)
	write(t, filepath.Join(dir, "näme \xff with \n all"), []byte("y"), 0o600)
	if err := os.Mkdir(filepath.Join(dir, "nothing"), 0o711); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"link": "a.txt", "out": "../../outside", "sub/abs": "/etc/passwd", "broken": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a.txt", "sub/deep", "sub", "nothing", "."} {
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestThereAndBack(t *testing.T) {
	dir := sample(t)
	data := stream(t, dir)
	same(t, look(t, restore(t, data, ".")), look(t, dir))
	same(t, look(t, restore(t, data, "sub")), look(t, filepath.Join(dir, "sub")))
	if again := stream(t, dir); !bytes.Equal(data, again) {
		t.Error("the same folder gave another stream")
	}
}

func TestOneFile(t *testing.T) {
	a := open(t, stream(t, sample(t)))
	for _, name := range []string{"sub/deep/b", "/sub/deep/b", "sub//deep/./b"} {
		e, err := a.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(a.Reader(e))
		if err != nil || !bytes.Equal(data, bytes.Repeat([]byte("b"), 1025)) {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
	if _, err := a.Find("sub/deep/c"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// Any tar program unpacks the stream.
func TestItIsATar(t *testing.T) {
	dir := sample(t)
	in := tar.NewReader(bytes.NewReader(stream(t, dir)))
	files := 0
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		files++
		if h.Typeflag != tar.TypeReg {
			continue
		}
		got, err := io.ReadAll(in)
		want, _ := os.ReadFile(filepath.Join(dir, h.Name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", h.Name, len(got), err)
		}
	}
	if want := len(look(t, dir)); files != want {
		t.Errorf("%d entries, not %d", files, want)
	}
}

func TestRandomFolders(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := filepath.Join(t.TempDir(), "random")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			rt.Fatal(err)
		}
		names := rapid.SliceOfN(rapid.StringMatching(`[a-c](/[a-c]{1,2}){0,3}`), 0, 200).Draw(rt, "names")
		for i, name := range names {
			path := filepath.Join(dir, name)
			if os.MkdirAll(filepath.Dir(path), 0o755) != nil {
				continue // a file is in the way
			}
			if i%5 == 0 {
				_ = os.Symlink(name, path)
				continue
			}
			_ = os.WriteFile(path, bytes.Repeat([]byte{byte(i)}, i*37%2000), 0o644)
		}
		same(t, look(t, restore(t, stream(t, dir), ".")), look(t, dir))
	})
}

func TestChangedWhileRead(t *testing.T) {
	changes := map[string]func(path string) error{
		"longer":  func(p string) error { return os.WriteFile(p, []byte("alphabet"), 0o640) },
		"shorter": func(p string) error { return os.Truncate(p, 2) },
		"touched": func(p string) error { return os.Chtimes(p, time.Now(), time.Now()) },
		"gone":    os.Remove,
		"a link":  func(p string) error { return errors.Join(os.Remove(p), os.Symlink("sub/empty", p)) },
		"a pipe":  func(p string) error { return errors.Join(os.Remove(p), makePipe(p)) },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			dir := sample(t)
			p, err := NewPlan(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := change(filepath.Join(dir, "a.txt")); errors.Is(err, errors.ErrUnsupported) {
				t.Skip("not on this system:", err)
			} else if err != nil {
				t.Fatal(err)
			}
			s, err := p.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if _, err := io.Copy(io.Discard, s); !errors.Is(err, ErrChanged) {
				t.Errorf("read %v", err)
			}
		})
	}
}

func TestRestoreReplacesNothing(t *testing.T) {
	data := stream(t, sample(t))
	dst := t.TempDir()
	if err := open(t, data).Restore(t.Context(), ".", dst); !errors.Is(err, fs.ErrExist) {
		t.Errorf("restore over a folder: %v", err)
	}
}

func TestWhatIsNoFileIsLeftOut(t *testing.T) {
	dir := sample(t)
	if err := makePipe(filepath.Join(dir, "pipe")); err != nil {
		t.Skip("no pipes here:", err)
	}
	p, err := NewPlan(dir)
	if err != nil || p.Left != 1 || len(p.Skipped) != 1 || p.Skipped[0] != "pipe" {
		t.Errorf("skipped %v, %d, %v", p.Skipped, p.Left, err)
	}
	if _, there := look(t, restore(t, stream(t, dir), "."))["pipe"]; there {
		t.Error("the pipe was kept")
	}
}
