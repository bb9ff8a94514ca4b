package feedtest

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/batchain/batchain/work/feed"
)

// The environment tells a test binary to become the process that is killed: in
// which folder the hive is, and where the store.
const (
	hiveDir    = "BATCHAIN_FEEDTEST_HIVE"
	storePlace = "BATCHAIN_FEEDTEST_STORE"
)

// Main runs the tests, or becomes the process that [CheckKilled] kills. It is
// what TestMain is to call.
func Main(m *testing.M, open func(where string) (Store, error)) {
	dir := os.Getenv(hiveDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := victim(dir, os.Getenv(storePlace), open); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("end")
	os.Exit(0)
}

func victim(dir, where string, open func(string) (Store, error)) error {
	store, err := open(where)
	if err != nil {
		return err
	}
	defer store.Close()
	fmt.Println("begin")
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	w := world{dir: dir, bees: 3, config: feed.Config{Once: true, Poll: 10 * time.Millisecond, Ahead: 100, Logger: log}}
	return w.live(context.Background(), store)
}

// CheckKilled inserts units, and kills a process with hive, bees and feed at random
// moments, until it is let come to its end; then every unit has come to what it
// must. The process opens the store at where, see [Main]; meanwhile, which may be
// nil, runs beside it.
func CheckKilled(t *testing.T, p Place, where string, count, kills int, meanwhile func()) {
	t.Helper()
	r := &trial{Place: p}
	r.insert(t, 0, count)
	var beside sync.WaitGroup
	defer beside.Wait()
	if meanwhile != nil {
		beside.Go(meanwhile)
	}
	dir := filepath.Join(t.TempDir(), "hive")
	killed := 0
	for start := 0; ; start++ {
		if start > 10*kills+10 {
			t.Fatalf("it has not come to its end after %d starts", start)
		}
		after := time.Minute
		if start < kills {
			after = 20*time.Millisecond + rand.N(300*time.Millisecond)
		}
		if life(t, dir, where, after) {
			break
		}
		killed++
	}
	t.Logf("killed %d times", killed)
	beside.Wait()
	r.expectSquares(t, 0, count)
}

// life runs the process, kills it some time after it began, and reports whether
// it came to its end.
func life(t *testing.T, dir, where string, after time.Duration) (ended bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), hiveDir+"="+dir, storePlace+"="+where)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer killer.Stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		switch lines.Text() {
		case "begin":
			killer.Reset(after)
		case "end":
			ended = true
		}
	}
	err = cmd.Wait()
	if ended != (err == nil) || (err != nil && cmd.ProcessState.Exited()) {
		t.Fatalf("it ended by itself: %v", err)
	}
	return ended
}

// CheckLived inserts units, and has hive, bees and feed live until all have come to what they
// must, each made once; meanwhile, which does something to the store, runs beside it.
func CheckLived(t *testing.T, p Place, count int, meanwhile func()) {
	t.Helper()
	r := &trial{Place: p, world: world{dir: t.TempDir(), bees: 2, config: feed.Config{Once: true, Poll: 10 * time.Millisecond, Ahead: 20}}}
	r.insert(t, 0, count)
	var beside sync.WaitGroup
	beside.Go(meanwhile)
	err := r.run(t)
	beside.Wait()
	if err != nil {
		t.Fatal(err)
	}
	r.expectSquares(t, 0, count)
	if r.made != uint64(count) {
		t.Errorf("%d units were made of %d", r.made, count)
	}
}

// InsertNumbers puts the units 0 to count there.
func InsertNumbers(t *testing.T, p Place, count int) {
	t.Helper()
	(&trial{Place: p}).insert(t, 0, count)
}
