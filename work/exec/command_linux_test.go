package exec

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hostileCommand has the test binary be a native worker.
func hostileCommand(t testing.TB, way string) Command {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Command{Name: way, Argv: []string{self, hostileWord, way}}
}

func unmarshal(data []byte, v any) {
	if err := json.Unmarshal(data, v); err != nil {
		panic(err)
	}
}

// needLayers skips where a native command would be refused.
func needLayers(t testing.TB) {
	t.Helper()
	for _, layer := range Layers() {
		if !layer.Holds {
			t.Skipf("skipped: %s: %s", layer.Name, layer.Detail)
		}
	}
}

func TestNobodyGetsOut(t *testing.T) {
	needLayers(t)
	secret := filepath.Join(t.TempDir(), "owner.key")
	given := filepath.Join(t.TempDir(), "given")
	for _, path := range []string{secret, given} {
		if err := os.WriteFile(path, []byte("as it was"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fd, err := unix.Open(secret, unix.O_RDWR, 0) // as whoever starts a node may leave it open
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	p := newPool(t, Config{Commands: []Command{hostileCommand(t, "escapes")}})
	input, err := json.Marshal(map[string]any{"Secret": secret, "Parent": os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	result, err := p.Run(t.Context(), Program{Command: "escapes"}, Unit{
		Input: input, Files: map[string]string{"given": given}, Limits: Limits{Memory: 1 << 30},
	})
	if err != nil {
		t.Fatal(err)
	}
	var came map[string]string
	unmarshal(result.Data, &came)
	allowed := map[string]bool{"read its file": true, "write its folder": true, "read a library folder": true, "a pipe": true, "read how OpenSSL is set up": true}
	if len(came) < 60 {
		t.Errorf("only %d attempts", len(came))
	}
	for what, err := range came {
		if allowed[what] != (err == "") {
			t.Errorf("%s: %q", what, err)
		}
	}
	for _, path := range []string{secret, given} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != "as it was" || info.Mode() != 0o600 || time.Since(info.ModTime()) > time.Hour {
			t.Errorf("%s is %q, %v, %v", path, data, info.Mode(), err)
		}
	}
}

func TestHostileCommands(t *testing.T) {
	needLayers(t)
	limits := Limits{Memory: 512 << 20, Output: 64 << 10, Wall: time.Minute}
	small := limits
	small.Memory = 192 << 20
	hang := limits
	hang.Wall = time.Second
	tests := map[string]struct {
		limits Limits
		want   error
		text   string
	}{
		"hangs":           {hang, ErrWall, "wall: not done after 1s"},
		"dies":            {limits, ErrDied, "died: its process ended: exit status 3"},
		"panics":          {limits, ErrDied, "died: its process ended: exit status 2"},
		"never ready":     {limits, ErrDied, "died: its process ended: exit status 3"},
		"floods":          {limits, ErrOutput, "output: more than 65536 bytes"},
		"no end of line":  {limits, ErrProtocol, "protocol: a line of more than 1 MiB"},
		"garbage":         {limits, ErrProtocol, "protocol: no line of the protocol"},
		"allocates":       {small, ErrMemory, "memory: "},
		"claims fuel":     {limits, ErrWorker, "worker fuel: a[31m"},
		"answers another": {limits, nil, "2"},
		"files":           {limits, ErrDenied, "denied: more than 16384 files"},
		"deep":            {limits, ErrDenied, "denied: more than "},
		"hidden memory":   {small, ErrMemory, "memory: "},
		"half a line":     {limits, ErrDied, "died: its process ended: exit status 0"},
	}
	var commands []Command
	for way := range tests {
		commands = append(commands, hostileCommand(t, way))
	}
	p := newPool(t, Config{Commands: commands})
	for way, test := range tests {
		t.Run(way, func(t *testing.T) {
			if test.want == ErrMemory {
				needMemoryLimit(t)
			}
			result, err := p.Run(t.Context(), Program{Command: way}, Unit{Input: []byte("0"), Limits: test.limits})
			if test.want == nil {
				if err != nil || string(result.Data) != test.text {
					t.Errorf("%s, %v", result.Data, err)
				}
				return
			}
			if left, err := filepath.Glob(filepath.Join(p.config.Dir, boxPattern)); err != nil || len(left) > len(p.idle) {
				t.Errorf("%d boxes for %d workers are left, %v", len(left), len(p.idle), err)
			}
			var f *Failure
			if !errors.Is(err, test.want) || !errors.As(err, &f) || !strings.HasPrefix(f.Error(), test.text) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("got %v, want %q", err, test.text)
			}
		})
	}
}

// A command that has answered does nothing more until it has another unit.
func TestCommandsRest(t *testing.T) {
	needLayers(t)
	p := newPool(t, Config{Commands: []Command{hostileCommand(t, "goes on")}})
	for range 2 {
		if _, err := p.Run(t.Context(), Program{Command: "goes on"}, Unit{Input: []byte("0"), Limits: Limits{Memory: 512 << 20}}); err != nil {
			t.Fatal(err)
		}
		path := fmt.Sprintf("/proc/%d/status", p.idle[0].cmd.Process.Pid)
		for began := time.Now(); ; runtime.Gosched() {
			if status, err := os.ReadFile(path); err != nil || strings.Contains(string(status), "(stopped)") {
				break
			}
			if time.Since(began) > time.Minute {
				t.Fatal("it runs without a unit")
			}
		}
	}
	if p.idle[0].lastID != 2 {
		t.Error("it was not the same process")
	}
}

func TestHeld(t *testing.T) {
	memory, threads := held([]byte("Name:\tRss: 7\nVmPTE:\t       4 kB\nVmSwap:\t       1 kB\nRssAnon:\t     100 kB\nRssFile:\t    9 kB\nThreads:\t513\nrubbish"))
	if memory != 105<<10 || threads != maxThreads+1 {
		t.Errorf("%d bytes, %d threads", memory, threads)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	if memory, threads := held(status); memory < 1<<20 || threads < 1 {
		t.Errorf("%d bytes, %d threads of this process", memory, threads)
	}
}

// What the files of a command take together is bounded, too.
func TestFullFolder(t *testing.T) {
	w := warden{folder: t.TempDir()}
	if f := w.files(); f != nil {
		t.Fatal(f)
	}
	for _, name := range []string{"one", "two", "three"} {
		f, err := os.Create(filepath.Join(w.folder, name))
		if err != nil {
			t.Fatal(err)
		}
		err = unix.Fallocate(int(f.Fd()), 0, 0, maxFolder/2)
		f.Close()
		if err != nil {
			t.Skipf("skipped: this disk does not give so much: %v", err)
		}
	}
	if f := w.files(); !errors.Is(f, ErrDenied) {
		t.Errorf("got %v", f)
	}
}

func TestOnlyListedCommands(t *testing.T) {
	p := newPool(t, Config{Commands: []Command{{Name: "gone", Argv: []string{"/no/such/program"}}}})
	for _, name := range []string{"sh", "/bin/sh", "gone"} {
		if _, err := p.Run(t.Context(), Program{Command: name}, Unit{Input: []byte("0")}); !errors.Is(err, ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
