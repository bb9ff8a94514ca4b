package replica_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/batchain/batchain/gossip/replica"
	"github.com/batchain/batchain/gossip/replica/replicatest"
	"github.com/batchain/batchain/wire"
)

// openMap opens a map in a file, which is closed at the end if not before.
func openMap(t testing.TB, path string, n byte, change ...func(*replica.Config)) (*replica.Map, *replica.Replica) {
	t.Helper()
	m := replica.NewMap(replica.MapOptions{})
	r, err := replica.Open(t.Context(), path, m, config(n, change...))
	must(t, err)
	closeAtEnd(t, r)
	return m, r
}

func TestOpenGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc")
	m, r := openMap(t, path, 1)
	must(t, m.Set("mine", []byte("1")))
	other, ro := newMap(t, 2)
	must(t, other.Set("theirs", []byte("2")))
	replicatest.MustSync(t, r, ro)
	must(t, m.Delete("mine"))
	source, clock := r.Source(), r.Clock()
	must(t, r.Close())

	m, r = openMap(t, path, 1)
	wantMap(t, "the second", m, map[string]string{"theirs": "2"})
	if r.Source() != source || fmt.Sprint(r.Clock()) != fmt.Sprint(clock) {
		t.Errorf("goes on as %v at %v, want %v at %v", r.Source(), r.Clock(), source, clock)
	}
	must(t, m.Set("mine", []byte("3")))
	replicatest.MustSync(t, r, ro)
	wantMap(t, "the other", other, map[string]string{"mine": "3", "theirs": "2"})
	sameHistory(t, r, ro)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
}

// script writes to a file, and returns what the map holds after each step and how long
// the file is then.
func script(t testing.TB, path string) (states []string, sizes []int) {
	t.Helper()
	m, r := openMap(t, path, 1)
	other, ro := newMap(t, 2)
	note := func() {
		data, err := m.MarshalJSON()
		must(t, err)
		info, err := os.Stat(path)
		must(t, err)
		states, sizes = append(states, string(data)), append(sizes, int(info.Size()))
	}
	note()
	must(t, m.Set("a", []byte("1")))
	note()
	must(t, other.Set("b", []byte("2")))
	must(t, other.Set("c", []byte("3")))
	replicatest.MustSync(t, r, ro)
	note()
	must(t, m.Delete("b"))
	note()
	must(t, r.Close())
	return states, sizes
}

// Wherever a write is torn off, all whole steps before it are there, and writing goes
// on.
func TestTornTailIsCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc")
	states, sizes := script(t, path)
	whole, err := os.ReadFile(path)
	must(t, err)
	for size := range len(whole) + 1 {
		if size%23 != 0 && !slices.Contains(sizes, size) && !slices.Contains(sizes, size+1) {
			continue
		}
		for name, tail := range map[string][]byte{"cut": nil, "zeros": make([]byte, 100)} {
			torn := filepath.Join(t.TempDir(), "torn")
			must(t, os.WriteFile(torn, append(whole[:size:size], tail...), 0o600))
			m, r := openMap(t, torn, 1)
			step := 0
			for i, s := range sizes {
				if s <= size {
					step = i
				}
			}
			data, err := m.MarshalJSON()
			must(t, err)
			want := "{}"
			if size >= sizes[0] {
				want = states[step]
			}
			if string(data) != want {
				t.Fatalf("%s at byte %d: %s, want %s", name, size, data, want)
			}
			must(t, m.Set("after", []byte("4")))
			must(t, r.Close())
			m, r = openMap(t, torn, 1)
			if v, _ := m.Get("after"); string(v) != "4" {
				t.Fatalf("%s at byte %d: what was written after is lost", name, size)
			}
			must(t, r.Close())
		}
	}
}

// One bit that flips anywhere but in the last record is told, and the file is left as
// it is; in the last one it looks like a torn write.
func TestDamageIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc")
	states, sizes := script(t, path)
	whole, err := os.ReadFile(path)
	must(t, err)
	last := len(whole) - commitSize
	for at := range whole {
		if at%3 != 0 && at < last {
			continue
		}
		damaged := bytes.Clone(whole)
		damaged[at] ^= 1 << (at % 8)
		file := filepath.Join(t.TempDir(), "damaged")
		must(t, os.WriteFile(file, damaged, 0o600))
		m := replica.NewMap(replica.MapOptions{})
		r, err := replica.Open(t.Context(), file, m, config(1))
		if at < last {
			if !errors.Is(err, wire.ErrDamaged) {
				t.Fatalf("byte %d: %v, want ErrDamaged", at, err)
			}
			left, err := os.ReadFile(file)
			must(t, err)
			if !bytes.Equal(left, damaged) {
				t.Fatalf("byte %d: the file was changed", at)
			}
			continue
		}
		must(t, err)
		data, err := m.MarshalJSON()
		must(t, err)
		if want := states[len(states)-2]; string(data) != want {
			t.Fatalf("byte %d: %s, want %s", at, data, want)
		}
		must(t, r.Close())
	}
	if sizes[len(sizes)-1] != len(whole) {
		t.Errorf("%d bytes, want %d", len(whole), sizes[len(sizes)-1])
	}
}

// commitSize is that of a commit in a file: frame, checksum, an empty map.
const commitSize = wire.FrameHeaderSize + 4 + 1

func TestLoadSaysWhatIsWrong(t *testing.T) {
	a, ra := newMap(t, 1)
	must(t, a.Set("k", []byte("v")))
	must(t, a.Set("l", []byte("w")))
	var saved bytes.Buffer
	must(t, ra.Save(&saved))
	broken := errors.New("broken pipe")
	tests := map[string]struct {
		from  io.Reader
		doc   string
		want  error
		holds int
	}{
		"whole":          {bytes.NewReader(saved.Bytes()), "doc", nil, 2},
		"nothing":        {strings.NewReader(""), "doc", nil, 0},
		"torn":           {bytes.NewReader(saved.Bytes()[:saved.Len()-1]), "doc", replica.ErrTorn, 0},
		"other document": {bytes.NewReader(saved.Bytes()), "other", replica.ErrDocument, 0},
		"rubbish":        {strings.NewReader(strings.Repeat("rubbish", 100)), "doc", replica.ErrTorn, 0},
		"no start":       {bytes.NewReader(saved.Bytes()[firstRecord(t, saved.Bytes()):]), "doc", wire.ErrDamaged, 0},
		"unreadable":     {io.MultiReader(bytes.NewReader(saved.Bytes()[:100]), errReader{broken}), "doc", broken, 0},
		"twice":          {io.MultiReader(bytes.NewReader(saved.Bytes()), bytes.NewReader(saved.Bytes())), "doc", nil, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m, r := newMap(t, 2, func(cfg *replica.Config) { cfg.Doc = test.doc })
			if err := r.Load(t.Context(), test.from); !errors.Is(err, test.want) {
				t.Errorf("Load: %v, want %v", err, test.want)
			}
			if m.Len() != test.holds {
				t.Errorf("%d keys, want %d", m.Len(), test.holds)
			}
		})
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func firstRecord(t testing.TB, file []byte) int {
	t.Helper()
	_, payload, _, err := wire.ParseFrame(file, 1<<20)
	must(t, err)
	return wire.FrameHeaderSize + len(payload)
}

// A file that was altered by somebody with a sense for checksums still needs the
// author's signature.
func TestLoadVerifies(t *testing.T) {
	seen := trace{}
	m, r := newMap(t, 2, seen.into)
	a, ra := newMap(t, 1)
	must(t, a.Set("k", []byte("v")))
	var file bytes.Buffer
	must(t, ra.Save(&file))
	start := file.Bytes()[:firstRecord(t, file.Bytes())]
	forged := replicatest.AppendRecord(nil, kindUpdate, forge(t, ra.Source(), 1, ra.History(nil)[0].Time.Time()))
	forged = replicatest.AppendRecord(forged, kindCommit, []byte{0xa0})
	must(t, r.Load(t.Context(), io.MultiReader(bytes.NewReader(start), bytes.NewReader(forged))))
	if got := seen[replica.Refused]; len(got) != 1 || m.Len() != 0 {
		t.Errorf("events %v, %d keys", seen, m.Len())
	}
}

// Most of a file that is superseded goes; what counts stays.
func TestFilesAreCompacted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc")
	m, r := openMap(t, path, 1)
	largest := int64(0)
	for n := range 200 {
		must(t, m.Set(fmt.Sprint(n%10), bytes.Repeat([]byte{byte(n)}, 30000)))
		info, err := os.Stat(path)
		must(t, err)
		largest = max(largest, info.Size())
	}
	if largest > 3<<20 {
		t.Errorf("the file grew to %d bytes, of which 300 kB count", largest)
	}
	must(t, r.Close())
	m, r = openMap(t, path, 1)
	if m.Len() != 10 || r.Counts().Updates != 10 {
		t.Errorf("%d keys, %+v", m.Len(), r.Counts())
	}
	for n := range 10 {
		if v, _ := m.Get(fmt.Sprint(n)); len(v) != 30000 || v[0] != byte(190+n) {
			t.Errorf("key %d is %d bytes", n, len(v))
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("left in the folder: %v", entries)
	}
}

// An own update that cannot be written to disk is not made, and says so.
func TestNothingIsMadeThatCannotBeKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc")
	var log bytes.Buffer
	m, r := openMap(t, path, 1, func(cfg *replica.Config) { cfg.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	must(t, m.Set("k", []byte("1")))
	if _, err := replica.Open(t.Context(), filepath.Join(path, "below"), replica.NewMap(replica.MapOptions{}), config(1)); err == nil {
		t.Error("a file below a file was opened")
	}
	must(t, r.Close())
	if err := m.Set("k", []byte("2")); !errors.Is(err, replica.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	wantMap(t, "the map", m, map[string]string{"k": "1"})
}

// An old copy of a file that is put back, and written to, is found out when it meets
// the others: what it wrote is issued again, and nothing of either is lost.
func TestOldCopyIsTakenBackIn(t *testing.T) {
	for name, later := range map[string]int{"behind": 3, "level": 1} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "doc")
			clock := ticking()
			m, r := openMap(t, path, 1, clock)
			other, ro := newMap(t, 2, clock)
			must(t, m.Set("before", []byte("1")))
			must(t, m.Set("dropped", []byte("old")))
			replicatest.MustSync(t, r, ro)
			must(t, r.Close())
			old, err := os.ReadFile(path)
			must(t, err)
			m, r = openMap(t, path, 1, clock)
			for n := range later {
				must(t, m.Set(fmt.Sprint("lost ", n), []byte("2")))
			}
			if later > 1 {
				must(t, m.Set("dropped", []byte("new")))
			}
			replicatest.MustSync(t, r, ro)
			must(t, r.Close())

			must(t, os.WriteFile(path, old, 0o600))
			seen := trace{}
			m, r = openMap(t, path, 1, clock, seen.into)
			epoch := r.Source()
			must(t, m.Set("since", []byte("3")))
			replicatest.MustSync(t, r, ro)
			replicatest.MustSync(t, r, ro)
			want := map[string]string{"before": "1", "since": "3", "dropped": "new"}
			if later == 1 {
				want["dropped"] = "old"
			}
			for n := range later {
				want[fmt.Sprint("lost ", n)] = "2"
			}
			wantMap(t, "the copy", m, want)
			wantMap(t, "the other", other, want)
			sameHistory(t, r, ro)
			if r.Source() == epoch || len(seen[replica.Forked]) == 0 {
				t.Errorf("writes on as %v; events %v", r.Source(), seen)
			}
			must(t, m.Set("on", []byte("4")))
			want["on"] = "4"
			must(t, r.Close())
			m, r = openMap(t, path, 1, clock)
			wantMap(t, "the copy, opened again", m, want)
			replicatest.MustSync(t, r, ro)
			wantMap(t, "the other", other, want)
		})
	}
}

// A peer that lost its disk writes on without disturbing what it wrote before.
func TestLostDiskDisturbsNothing(t *testing.T) {
	a, ra := newMap(t, 1)
	b, rb := newMap(t, 2)
	for n := range 5 {
		must(t, a.Set(fmt.Sprint(n), []byte("1")))
	}
	replicatest.MustSync(t, ra, rb)
	again, rg := newMap(t, 1)
	must(t, again.Set("new", []byte("2")))
	replicatest.MustSync(t, rg, rb)
	want := map[string]string{"0": "1", "1": "1", "2": "1", "3": "1", "4": "1", "new": "2"}
	wantMap(t, "b", b, want)
	wantMap(t, "the one without a disk", again, want)
}
