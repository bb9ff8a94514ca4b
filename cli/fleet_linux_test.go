package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// fleet is a mesh of real processes on loopback, for tests that no single
// process can make: each node has its own memory, and can be killed or frozen.
type fleet struct {
	b     testing.TB
	dir   string
	prog  string // the program, or this test binary called batchain
	nodes []*ship
}

// ship is one node process.
type ship struct {
	cmd  *exec.Cmd
	home string
	addr string
	wait func()
}

func newFleet(b testing.TB, count int) *fleet {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	prog := filepath.Join(b.TempDir(), "batchain")
	if err := os.Symlink(self, prog); err != nil {
		b.Fatal(err)
	}
	return fleetOf(b, prog, count)
}

// builtFleet is a fleet of the program as people have it: a test binary is larger,
// and its pages count.
func builtFleet(b testing.TB, count int) *fleet {
	b.Helper()
	prog := filepath.Join(b.TempDir(), "batchain")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", prog, "./batchain").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return fleetOf(b, prog, count)
}

func fleetOf(b testing.TB, prog string, count int) *fleet {
	b.Helper()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		b.Skip("skipped: this reads /proc")
	}
	f := &fleet{b: b, dir: b.TempDir(), prog: prog}
	for i := range count {
		f.launch(i)
	}
	return f
}

func (f *fleet) command(home string, args ...string) *exec.Cmd {
	cmd := exec.Command(f.prog, append([]string{"--home", home, "--log-level", "error"}, args...)...)
	return cmd
}

// launch starts node i and returns when it is ready.
func (f *fleet) launch(i int) {
	f.b.Helper()
	s := &ship{home: filepath.Join(f.dir, fmt.Sprint("node", i))}
	args := []string{"node", "--listen", "/ip4/127.0.0.1/tcp/0", "--capacity", "100GB"}
	if i > 0 {
		args = append(args, "--bootstrap", f.nodes[0].addr)
	}
	s.cmd = f.command(s.home, args...)
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		f.b.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		f.b.Fatal(err)
	}
	s.wait = sync.OnceFunc(func() { _ = s.cmd.Wait() })
	f.nodes = append(f.nodes, s)
	f.b.Cleanup(func() {
		_ = s.cmd.Process.Signal(syscall.SIGCONT)
		_ = s.cmd.Process.Kill()
		s.wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if addr, ok := strings.CutPrefix(lines.Text(), "address  "); ok && s.addr == "" {
			s.addr = addr
		}
		if lines.Text() == "ready" {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return
		}
	}
	f.b.Fatalf("node %d is not ready", i)
}

// outcome is how a command ended.
type outcome struct {
	code    int
	seconds float64
	cmd     *exec.Cmd
	result  map[string]any // the last line of its --json
}

// run runs a command to its end. started, if not nil, is called once it runs,
// progress for every progress line.
func (f *fleet) run(home string, stdin io.Reader, progress func(cmd *exec.Cmd, done float64), args ...string) outcome {
	f.b.Helper()
	cmd := f.command(home, append([]string{"--json", "--bootstrap", f.nodes[0].addr}, args...)...)
	cmd.Stdin = stdin
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		f.b.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		f.b.Fatal(err)
	}
	o := outcome{cmd: cmd}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if err := json.Unmarshal(lines.Bytes(), &o.result); err != nil {
			f.b.Fatalf("line %q: %v", lines.Text(), err)
		}
		if done, ok := o.result["done"].(float64); ok && progress != nil {
			progress(cmd, done)
		}
	}
	_ = cmd.Wait()
	o.code, o.seconds = cmd.ProcessState.ExitCode(), time.Since(began).Seconds()
	if o.code != 0 {
		f.b.Logf("%v: exit %d: %v %s", args, o.code, o.result, &stderr)
	}
	return o
}

// peak is the most memory that a finished command had resident, in MiB.
func (o outcome) peak() float64 {
	return float64(o.cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / 1024
}

// resident is a line of /proc/PID/status in MiB: VmRSS now, or VmHWM at most.
func (s *ship) resident(line string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024
		}
	}
	return 0
}

// cpu is the processor time that a node has used, in seconds.
func (s *ship) cpu() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100 // clock ticks, 100 a second on Linux
}

// noise is size bytes that no compressor could shrink.
func noise(size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{byte(size >> 20), byte(size >> 28)}), size)
}

// benchSize is the file of a benchmark in bytes: full, with -short small, and
// BATCHAIN_BENCH_MIB sets another.
func benchSize(full, small int64) int64 {
	if mib, err := strconv.ParseInt(os.Getenv("BATCHAIN_BENCH_MIB"), 10, 64); err == nil {
		return mib << 20
	}
	if testing.Short() {
		return small
	}
	return full
}
