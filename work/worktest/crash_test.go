package worktest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/bee"
	"github.com/batchain/batchain/work/hive"
)

// crashDir tells the test binary to become the hive that is killed.
const crashDir = "WORK_CRASH_DIR"

const crashUnits = 4000

// TestMain becomes a hive with bees when it is told to.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := crashingHive(context.Background(), dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// firstNumbers makes units whose input is their number.
type firstNumbers struct{ end uint64 }

func (f firstNumbers) Next(_ context.Context, n uint64) (work.Unit, error) {
	if n >= f.end {
		return work.Unit{}, io.EOF
	}
	return numbers(int(n) + 1)[n], nil
}

// crashingHive works on a project and tells, in lines, where its consumer
// begins and what it gets.
func crashingHive(ctx context.Context, dir string) error {
	h, err := hive.Open(hive.Config{Dir: dir, Self: Peer(0), Strength: -1})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return h.Run(ctx) })
	terms := project("crash", work.Policy{Rule: work.Quorum, Quorum: 2})
	terms.Lease = 200 * time.Millisecond
	if err := h.Create(ctx, terms); err != nil {
		return err
	}
	from, err := h.Cursor(ctx, "crash", "")
	if err != nil {
		return err
	}
	fmt.Println("from", from)
	for n := range 4 {
		session, err := h.Session(ctx, work.Member{Peer: Peer(10 + n)})
		if err != nil {
			return err
		}
		if n == 0 { // takes work and vanishes
			_, err := session.Request(ctx, work.Wish{Slots: 20, Kinds: []work.Kind{work.Inline}, Names: []string{"square"}})
			if err != nil && !errors.Is(err, work.ErrPendingWork) {
				return err
			}
			continue
		}
		b := bee.New(bee.Config{Hive: session, Runner: squares, Kinds: []work.Kind{work.Inline}, Names: squares.Names()})
		parts.Go(func() error { return b.Run(ctx) })
	}
	out := bufio.NewWriter(os.Stdout)
	err = h.Serve(ctx, "crash", hive.Handlers{
		Source: firstNumbers{crashUnits},
		Datachunk: func(_ context.Context, c work.Datachunk) error {
			fmt.Fprintln(out, "chunk", c.Seq, c.State, string(c.Output))
			return out.Flush()
		},
	})
	if err != nil {
		return err
	}
	fmt.Println("end")
	cancel()
	return parts.Wait()
}

// A hive that is killed again and again loses no unit, and hands out no datachunk
// twice that was acknowledged: each start goes on where the consumer was.
func TestKilledHiveLosesNothing(t *testing.T) {
	kills := 25
	if testing.Short() {
		kills = 5
	}
	dir := t.TempDir()
	got := map[uint64]string{} // datachunks
	next, cursor, again := uint64(0), uint64(0), 0
	for run := 0; ; run++ {
		if run > 10*kills {
			t.Fatalf("%d of %d datachunks after %d starts", len(got), crashUnits, run)
		}
		after := time.Duration(0)
		if run < kills {
			after = 50*time.Millisecond + rand.N(400*time.Millisecond)
		}
		ended := lifeOfHive(t, dir, after, func(line string) {
			var seq uint64
			var state, output string
			if n, _ := fmt.Sscanf(line, "from %d", &seq); n == 1 {
				if seq < cursor || seq > next {
					t.Fatalf("the consumer begins at %d; it has had all before %d, and began at %d before", seq, next, cursor)
				}
				again += int(next - seq)
				next, cursor = seq, seq
				return
			}
			if n, _ := fmt.Sscanf(line, "chunk %d %s %s", &seq, &state, &output); n != 3 {
				return // cut short by the kill
			}
			if want := fmt.Sprint((seq + 1) * (seq + 1)); seq != next || state != "valid" || output != want {
				t.Fatalf("datachunk %d is %q; expected was %d with %s", seq, line, next, want)
			}
			got[seq] = output
			next++
		})
		if ended {
			t.Logf("%d starts; %d datachunks came once more, unacknowledged", run+1, again)
			break
		}
	}
	if len(got) != crashUnits || next != crashUnits {
		t.Errorf("%d datachunks of %d, the last before %d", len(got), crashUnits, next)
	}
}

// lifeOfHive runs the hive until it ends, or is killed after a time, and reports
// whether it came to its end.
func lifeOfHive(t *testing.T, dir string, after time.Duration, line func(string)) (ended bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer killer.Stop()
	lines := bufio.NewReader(out)
	for {
		text, err := lines.ReadString('\n')
		if err != nil {
			break
		}
		text = strings.TrimSuffix(text, "\n")
		if after > 0 && strings.HasPrefix(text, "from") {
			killer.Reset(after)
		}
		ended = ended || text == "end"
		line(text)
	}
	if err := cmd.Wait(); err != nil && stderr.Len() > 0 {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return ended
}
