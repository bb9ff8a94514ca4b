package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// The test binary runs itself with these set, to be killed.
const (
	crashDir  = "STORE_CRASH_DIR"  // the home
	crashPart = "STORE_CRASH_PART" // what to do in it
	crashAt   = "STORE_CRASH_AT"   // the point, and which time it is reached
)

// TestMain becomes the process that crashes, or fills an index, when it is told
// to.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := crashingProcess(dir, os.Getenv(crashPart), os.Getenv(crashAt)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir := os.Getenv(fillDir); dir != "" {
		n, _ := strconv.Atoi(os.Getenv(fillShards))
		fillIndex(&bareTB{}, dir, n)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func crashingProcess(dir, part, at string) error {
	t := &bareTB{}
	h := &home{dir: dir}
	var armed atomic.Bool
	armed.Store(part == "open")
	var clock testClock
	h.open(t, clock.use, func(s *Store) { s.crash = killAt(at, &armed) })
	switch part {
	case "load":
		return load(t, h.store, &clock)
	case "receive":
		o := newOwner(t, 1)
		first, second := fixedBytes(1, 100_000), fixedBytes(2, 400_000)
		mustReceive(t, h.store, o.lot(t, first, 0, 0), first)
		acknowledge(o, first)
		armed.Store(true)
		mustReceive(t, h.store, o.lot(t, second, 0, 1), second)
	case "damage":
		armed.Store(true)
		o := newOwner(t, 1)
		_, err := h.store.Receive(context.Background(), o.lot(t, fixedBytes(2, 400_000), 0, 1), sends(make([]byte, 400_000)))
		if !errors.Is(err, wire.ErrDamaged) {
			return err
		}
	case "expire":
		storeDrafts(t, h.store)
		clock.pass(25 * time.Hour)
		armed.Store(true)
		if err := h.store.expire(context.Background()); err != nil {
			return err
		}
	case "trash":
		storeDrafts(t, h.store)
		if _, _, err := h.store.Renew(newOwner(t, 1).grant, nil, time.Hour, nil, 100); err != nil {
			return err
		}
		clock.pass(shard.LeaseDefault + GraceTime + time.Hour)
		armed.Store(true)
		if err := h.store.expire(context.Background()); err != nil {
			return err
		}
	case "renew":
		storeDrafts(t, h.store)
		armed.Store(true)
		if _, _, err := h.store.Renew(newOwner(t, 1).grant, nil, shard.LeaseMax, nil, 100); err != nil {
			return err
		}
	case "note":
		if err := putNotesAndDelete(t, h.store, func() { armed.Store(true) }); err != nil {
			return err
		}
	case "quarantine":
		spoilAndBringAgain(t, h.store, func() { armed.Store(true) })
	case "delete":
		o := newOwner(t, 1)
		for i := range byte(dropAtOnce + 3) {
			data := fixedBytes(i, 5000)
			mustReceive(t, h.store, o.lot(t, data, 0, i), data)
		}
		armed.Store(true)
		if _, err := h.store.Delete(o.grant); err != nil {
			return err
		}
	}
	return errors.New("the point to crash at was not reached")
}

// killAt returns a hook that kills this process when the point, "name#time",
// is reached after armed is set.
func killAt(at string, armed *atomic.Bool) func(string) {
	name, count, _ := strings.Cut(at, "#")
	times, _ := strconv.Atoi(count)
	var seen atomic.Int64
	return func(point string) {
		if armed.Load() && point == name && seen.Add(1) == int64(times) {
			self, err := os.FindProcess(os.Getpid())
			if err == nil {
				_ = self.Kill()
			}
			select {}
		}
	}
}

// acknowledge tells the parent what was promised, as a receipt would.
func acknowledge(o *owner, data []byte) {
	fmt.Printf("stored %d %s\n", o.grant.Admin, shard.Sum(data))
}

func fixedBytes(seed byte, n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(data)
	return data
}

// TestCrashAtEveryPoint kills a process at each step of a commit and of a
// delete. What was acknowledged is there, whole; nothing else counts; and the
// work can go on.
func TestCrashAtEveryPoint(t *testing.T) {
	points := map[string][]string{
		"receive": {
			"reserved#1", "temp made#1", "bytes written#1", "bytes written#3", "tree written#1", "temp synced#1",
			"folder made#1", "renamed#1", "folder synced#1", "index synced#1", "index synced#2",
		},
		"damage": {"temp removed#1", "index synced#2"},
		"delete": {"index synced#1", "delete indexed#1", "file removed#1", "file removed#9", "index synced#2", "delete indexed#2", "file removed#35"},
	}
	for part, ats := range points {
		for _, at := range ats {
			t.Run(part+" "+at, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				acked := runUntilKilled(t, dir, part, at, 0)
				h := &home{dir: dir}
				h.open(t)
				defer h.close(t)
				checkAcknowledged(t, h.store, acked)
				checkWhole(t, h.store)
				goOn(t, h.store, part)
			})
		}
	}
}

// goOn does what the crash interrupted.
func goOn(t *testing.T, s *Store, part string) {
	t.Helper()
	o := newOwner(t, 1)
	if part != "delete" {
		data := fixedBytes(2, 400_000)
		mustReceive(t, s, o.lot(t, data, 0, 1), data)
		if !bytes.Equal(readShard(t, s, shard.Sum(data)), data) {
			t.Error("bytes differ")
		}
		checkWhole(t, s)
	}
	if _, err := s.Delete(o.grant); err != nil {
		t.Fatal(err)
	}
	if u := s.Usage(); u.Used != 0 || u.Shards != 0 || u.InFlight != 0 {
		t.Errorf("after deleting all: %+v", u)
	}
	checkWhole(t, s)
}

// TestCrashUnderLoad kills a busy process at any time, again and again in the
// same home.
func TestCrashUnderLoad(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	dir := t.TempDir()
	var acked []string
	for range rounds {
		acked = append(acked, runUntilKilled(t, dir, "load", "", 50*time.Millisecond+rand.N(400*time.Millisecond))...)
		h := &home{dir: dir}
		h.open(t)
		checkAcknowledged(t, h.store, acked)
		checkWhole(t, h.store)
		h.close(t)
	}
	if len(acked) == 0 {
		t.Error("nothing was stored before the crashes")
	}
	t.Logf("%d receipts and deletes over %d crashes", len(acked), rounds)
}

// load stores, breaks off, renews, deletes and expires shards until it is
// killed. Its clock runs on, though not to the end of a lease.
func load(t testing.TB, s *Store, clock *testClock) error {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				o := newOwner(t, byte(rand.N(250)+1))
				data := randomBytes(rand.N(300_000) + 1)
				lot := o.lot(t, data, uint32(rand.N(1<<20)), 0)
				var err error
				switch rand.N(12) {
				case 0:
					fmt.Printf("deleting %d -\n", o.grant.Admin)
					_, err = s.Delete(o.grant)
				case 1:
					_, err = s.Receive(context.Background(), lot, sends(data[:len(data)*2/3]))
					if errors.Is(err, io.ErrUnexpectedEOF) {
						err = nil
					}
				case 2:
					if clock.passed.Load() < int64(shard.LeaseDefault/2) {
						clock.pass(6 * time.Hour)
					}
					err = s.expire(context.Background())
				case 3:
					_, _, err = s.Renew(o.grant, nil, shard.LeaseDefault, nil, 100)
				case 4, 5:
					lot.Draft = true
					_, err = s.Receive(context.Background(), lot, sends(data))
				default:
					_, err = s.Receive(context.Background(), lot, sends(data))
					if err == nil {
						acknowledge(o, data)
					}
				}
				if err != nil && !errors.Is(err, wire.ErrDeleted) {
					fmt.Fprintln(os.Stderr, err)
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// runUntilKilled runs part in a process of its own, which kills itself at a
// point, or is killed after a while. It returns what the process acknowledged.
func runUntilKilled(t *testing.T, dir, part, at string, after time.Duration) (acked []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir, crashPart+"="+part, crashAt+"="+at)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if len(acked) == 0 && after > 0 {
			defer time.AfterFunc(after, func() { _ = cmd.Process.Kill() }).Stop()
		}
		acked = append(acked, lines.Text())
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Exited() || complaints.Len() > 0 {
		t.Fatalf("the process was not killed: %v\n%s", err, complaints.String())
	}
	return acked
}

// checkAcknowledged fails the test unless all that was stored and not deleted
// is there, whole.
func checkAcknowledged(t *testing.T, s *Store, lines []string) {
	t.Helper()
	deleted := make(map[string]bool)
	for _, line := range lines {
		if owner, ok := strings.CutPrefix(line, "deleting "); ok {
			deleted[strings.TrimSuffix(owner, " -")] = true
		}
	}
	for _, line := range lines {
		owner, ok := strings.CutPrefix(line, "stored ")
		cut := strings.LastIndexByte(owner, ' ')
		if !ok || cut < 0 || deleted[owner[:cut]] {
			continue
		}
		id, err := shard.ParseID(owner[cut+1:])
		if err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		r, _, err := s.Open(id)
		if err != nil {
			t.Errorf("acknowledged, and not there: %v", err)
			continue
		}
		data, err := io.ReadAll(r)
		if r.Close(); err != nil || shard.Sum(data) != id {
			t.Errorf("acknowledged, and damaged: %v: %v", id, err)
		}
	}
}

// bareTB lets the crashing process use the helpers of tests.
type bareTB struct{ testing.TB }

func (*bareTB) Helper()                           {}
func (*bareTB) Context() context.Context          { return context.Background() }
func (*bareTB) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (*bareTB) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (*bareTB) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
