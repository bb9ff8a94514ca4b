package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holds compares a folder with what must be in it, and nothing else.
func holds(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	got := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil && !e.IsDir() {
			t.Fatal(err)
		}
		got[e.Name()] = string(data)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("in the folder is %q, want %q", got, want)
	}
}

func says(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func TestWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for i, step := range []struct {
		write func() error
		text  string
		mode  fs.FileMode
	}{
		{func() error { return WriteFile(path, []byte("first"), 0o644) }, "first", 0o644},
		{func() error { return WriteFile(path, []byte("second"), 0o600) }, "second", 0o600},
		{func() error { return WriteFile(path, nil, 0o640) }, "", 0o640},
		{func() error { return Write(path, says("third")) }, "third", 0o600},
	} {
		check(t, step.write())
		holds(t, dir, map[string]string{"file": step.text})
		info, err := os.Stat(path)
		check(t, err)
		if runtime.GOOS != "windows" && info.Mode() != step.mode {
			t.Errorf("step %d: mode %o, want %o", i, info.Mode(), step.mode)
		}
	}
}

// What cannot be written leaves what was there, and nothing beside it.
func TestFailureLeavesTheOldFile(t *testing.T) {
	torn := errors.New("torn")
	for name, write := range map[string]func(path string) error{
		"at once": func(path string) error { return Write(path, func(io.Writer) error { return torn }) },
		"midway": func(path string) error {
			return Write(path, func(w io.Writer) error { return errors.Join(says("half of it")(w), torn) })
		},
		"before it has its name": func(path string) error {
			_, err := Temp(path, func(io.Writer) error { return torn })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			check(t, WriteFile(path, []byte("old"), 0o600))
			if err := write(path); !errors.Is(err, torn) {
				t.Errorf("the error is %v", err)
			}
			holds(t, dir, map[string]string{"file": "old"})
		})
	}
}

// TestCrash ends writing where a process could: the old file is there, and what
// was begun is no file of that name. It goes with a sweep, when it is old.
func TestCrash(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	check(t, WriteFile(path, []byte("old"), 0o600))
	func() {
		defer func() { _ = recover() }()
		_ = Write(path, func(w io.Writer) error { panic(says("half")(w)) })
	}()
	left, err := filepath.Glob(filepath.Join(dir, ".file.*"))
	if err != nil || len(left) != 1 {
		t.Fatalf("%q is left, %v", left, err)
	}
	name := filepath.Base(left[0])
	holds(t, dir, map[string]string{"file": "old", name: "half"})
	check(t, Write(path, says("new")))
	check(t, Sweep(path, LeftoverTime))
	holds(t, dir, map[string]string{"file": "new", name: "half"}) // somebody may be writing it
	then := time.Now().Add(-LeftoverTime - time.Minute)
	check(t, os.Chtimes(left[0], then, then))
	check(t, Sweep(path, LeftoverTime))
	holds(t, dir, map[string]string{"file": "new"})
}

func TestTempAndPlace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	check(t, WriteFile(path, []byte("old"), 0o644))
	temp, err := Temp(path, says("new"))
	check(t, err)
	holds(t, dir, map[string]string{"file": "old", filepath.Base(temp): "new"})
	if info, err := os.Stat(temp); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("the temporary file: %v, %v", info.Mode(), err)
	}
	check(t, Place(temp, path))
	holds(t, dir, map[string]string{"file": "new"})
	temp, err = Temp(path, says("other"))
	check(t, err)
	check(t, Place(temp, filepath.Join(dir, "other")))
	holds(t, dir, map[string]string{"file": "new", "other": "other"})
	if err := Place(temp, path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("placed a second time: %v", err)
	}
	holds(t, dir, map[string]string{"file": "new", "other": "other"})
}

// Where nothing can be written, nothing is left.
func TestWrongPlaces(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "folder")
	check(t, os.Mkdir(folder, 0o700))
	check(t, os.WriteFile(filepath.Join(folder, "in it"), nil, 0o600))
	if WriteFile(folder, []byte("text"), 0o600) == nil {
		t.Error("a folder was written over")
	}
	holds(t, dir, map[string]string{"folder": ""})
	if err := WriteFile(filepath.Join(dir, "missing", "file"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that is not there: %v", err)
	}
	holds(t, dir, map[string]string{"folder": ""})
}

func TestReadOnlyFolder(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("a folder's mode keeps this user from nothing")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	check(t, WriteFile(path, []byte("old"), 0o600))
	check(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	if err := WriteFile(path, []byte("new"), 0o600); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("the error is %v", err)
	}
	holds(t, dir, map[string]string{"file": "old"})
}

// A link is replaced, not followed: its target is another file.
func TestLinkIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, "file"), filepath.Join(t.TempDir(), "target")
	check(t, os.WriteFile(target, []byte("theirs"), 0o600))
	if err := os.Symlink(target, path); err != nil {
		t.Skip(err)
	}
	check(t, WriteFile(path, []byte("ours"), 0o600))
	if data, err := os.ReadFile(target); err != nil || string(data) != "theirs" {
		t.Errorf("the target holds %q, %v", data, err)
	}
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
}

// Names may be as long as the file system takes them.
func TestLongNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{strings.Repeat("n", 255), strings.Repeat("n", 239) + "éé", strings.Repeat("n", maxBase)} {
		path := filepath.Join(dir, name)
		check(t, WriteFile(path, []byte("text"), 0o600))
		holds(t, dir, map[string]string{name: "text"})
		temp, err := Temp(path, says("half"))
		check(t, err)
		if !utf8.ValidString(temp) {
			t.Errorf("%q is cut within a letter", temp)
		}
		check(t, Sweep(path, 0))
		if _, err := os.Stat(temp); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is not known for a leftover of %s: %v", temp, name, err)
		}
		check(t, os.Remove(path))
	}
}

// Who writes the same name at the same time gets one of the files, whole.
func TestAtTheSameTime(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	var writers sync.WaitGroup
	for i := range byte(8) {
		writers.Go(func() {
			if err := WriteFile(path, bytes.Repeat([]byte{'a' + i}, 10_000), 0o600); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	data, err := os.ReadFile(path)
	check(t, err)
	if len(data) != 10_000 || bytes.Count(data, data[:1]) != len(data) {
		t.Errorf("%d bytes, which begin with %q, are not one of the files", len(data), data[:1])
	}
	holds(t, dir, map[string]string{"file": string(data)})
}
