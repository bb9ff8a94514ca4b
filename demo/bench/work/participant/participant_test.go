package participant

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/batchain/batchain/demo/bench/work/unit"
)

func TestMain(m *testing.M) {
	BeChild()
	os.Exit(m.Run())
}

// begin starts a system that is to be had here.
func begin(t *testing.T, s System) (context.Context, Queue) {
	t.Helper()
	if err := s.Missing(); err != nil {
		t.Skipf("SKIPPED %s: %v", s.Name, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "queue"), 0o700); err != nil {
		t.Fatal(err)
	}
	command := filepath.Join(dir, "unit")
	if out, err := exec.Command("go", "build", "-o", command, "../unit/command").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	q, err := s.Start(ctx, Place{Dir: filepath.Join(dir, "queue"), Unit: command, Lease: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return ctx, q
}

func inputs(from, n int) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		list[i] = unit.Input(uint64(from+i), 1)
	}
	return list
}

// take waits for so many outputs, and returns how often each unit came and how
// many of them are not what the unit makes.
func take(ctx context.Context, t *testing.T, q Queue, n int) (wrong int) {
	t.Helper()
	seen := map[uint64]int{}
	for len(seen) < n {
		outputs, err := q.Take(ctx)
		if err != nil {
			t.Fatalf("after %d outputs: %v", len(seen), err)
		}
		for _, output := range outputs {
			number, err := unit.Number(output)
			if err != nil {
				t.Fatalf("%q: %v", output, err)
			}
			if seen[number]++; seen[number] > 1 {
				t.Errorf("unit %d came again", number)
			}
			right, err := unit.Do(unit.Input(number, 1))
			if err != nil {
				t.Fatal(err)
			}
			if string(output) != string(right) {
				wrong++
			}
		}
	}
	for number := range seen {
		if number >= uint64(n) {
			t.Errorf("there is no unit %d", number)
		}
	}
	return wrong
}

// Every system does every unit, once, and hands out what the unit makes; and what
// its cheating workers make, unless it is one that sees through them.
func TestSystemsDoTheWork(t *testing.T) {
	for _, s := range Table {
		t.Run(s.Name, func(t *testing.T) {
			ctx, q := begin(t, s)
			const units = 60
			count := filepath.Join(t.TempDir(), "count")
			if err := q.Work(ctx, max(2, s.Least), unit.CountEnv+"="+count); err != nil {
				t.Fatal(err)
			}
			if err := q.Add(ctx, inputs(0, units)); err != nil {
				t.Fatal(err)
			}
			if wrong := take(ctx, t, q, units); wrong > 0 {
				t.Errorf("%d outputs are wrong", wrong)
			}
			if info, err := os.Stat(count); err != nil || info.Size() < units {
				t.Errorf("%d units, but %v %v", units, info, err)
			}
			if mib := Resident(q.Process()); mib < 1 || mib > 1024 {
				t.Errorf("the queue takes %v MiB", mib)
			}
		})
	}
}
