package exec

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
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
	allowed := map[string]bool{"read its file": true, "write its folder": true, "read a library folder": true}
	if len(came) < 50 {
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
			var f *Failure
			if !errors.Is(err, test.want) || !errors.As(err, &f) || !strings.HasPrefix(f.Error(), test.text) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("got %v, want %q", err, test.text)
			}
		})
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
