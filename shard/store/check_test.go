package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// checkWhole fails the test unless files, rows and counters agree.
func checkWhole(t testing.TB, s *Store) {
	t.Helper()
	var files, aside, bytesOnDisk int64
	onDisk := make(map[string]int64)
	err := filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path, filepath.Join(s.dir, tempFolder)) {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		onDisk[path] = info.Size()
		bytesOnDisk += info.Size()
		if strings.HasPrefix(path, filepath.Join(s.dir, asideFolder)) {
			aside++
		} else {
			files++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	usage := s.Usage()
	if usage.Shards != files || usage.Used != bytesOnDisk {
		t.Errorf("counted %d shards, %d bytes; on disk are %d files, %d bytes", usage.Shards, usage.Used, files, bytesOnDisk)
	}
	if rows := countRows(t, s, keyBad); rows != aside {
		t.Errorf("%d shards in quarantine, %d files", rows, aside)
	}
	checkRows(t, s, onDisk)
	checkTemp(t, s, usage)
}

func countRows(t testing.TB, s *Store, kind string) (n int64) {
	t.Helper()
	err := s.view(func(tx tx) error {
		return tx.tails([]byte(kind), nil, func([]byte) (bool, error) { n++; return true, nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// checkRows walks the index: each row must be owed to another one.
func checkRows(t testing.TB, s *Store, onDisk map[string]int64) {
	t.Helper()
	w := &walk{
		t: t, s: s, files: map[shard.ID]fileRow{}, leases: map[shard.ID]uint32{}, owners: map[admin]uint32{},
		notes: map[admin]uint32{}, peers: map[peer.ID]int64{}, networks: map[string]int64{},
	}
	var stored counters
	err := s.view(func(tx tx) error {
		w.tx = tx
		if _, err := tx.get([]byte(keyCounters), &stored); err != nil {
			return err
		}
		for _, step := range []struct {
			kind string
			row  func(tail []byte) error
		}{
			{keyFile, func(tail []byte) error { return w.file(shard.ID(tail), onDisk) }},
			{keyLease, w.lease}, {keyNote, w.note}, {keyTomb, w.tomb},
		} {
			if err := tx.tails([]byte(step.kind), nil, func(tail []byte) (bool, error) { return true, step.row(tail) }); err != nil {
				return err
			}
		}
		w.counts()
		return w.rows()
	})
	if err != nil {
		t.Fatal(err)
	}
	if usage := s.Usage(); stored.Used != usage.Used || stored.Shards != usage.Shards || stored.Places != usage.Places || stored.Notes != w.noted || usage.Notes != w.noted || usage.Places != int64(w.places) {
		t.Errorf("stored counters %+v, counted %+v", stored, usage)
	}
}

// walk is what a walk through the index has counted.
type walk struct {
	t  testing.TB
	s  *Store
	tx tx

	files        map[shard.ID]fileRow
	leases       map[shard.ID]uint32
	owners       map[admin]uint32 // leases
	notes        map[admin]uint32
	peers        map[peer.ID]int64 // bytes they are to be charged with
	networks     map[string]int64
	places, dues int
	noted        int64 // bytes of notes
}

func (w *walk) file(id shard.ID, onDisk map[string]int64) error {
	var row fileRow
	_, err := w.tx.get(fileKey(id), &row)
	w.files[id] = row
	if size, ok := onDisk[w.s.path(id)]; !ok || size != diskSize(row.Length) {
		w.t.Errorf("shard %v: %d bytes on disk, %d in the index", id, size, diskSize(row.Length))
	}
	return err
}

func (w *walk) lease(tail []byte) error {
	var row leaseRow
	id, owner := shard.ID(tail), admin(tail[32:])
	_, err := w.tx.get(leaseKey(id, owner), &row)
	w.leases[id]++
	w.owners[owner]++
	w.charge(peer.ID(row.Peer), row.Network, diskSize(w.files[id].Length)+placeCost*int64(len(row.Places)))
	w.due(row.due(), leaseKey(id, owner))
	for _, at := range row.Places {
		if ok, err := w.tx.get(placeKey(owner, at, id), &placeRow{}); !ok || err != nil {
			w.t.Errorf("lease without its place %v: %v", at, err)
		}
		w.places++
	}
	return err
}

func (w *walk) note(tail []byte) error {
	at, err := parseNote(tail)
	if err != nil {
		return err
	}
	row := checkNoteRows(w.t, w.tx, at)
	w.owners[at.owner] += 0 // a file may have notes alone
	w.notes[at.owner]++
	w.noted += row.size()
	w.charge(peer.ID(row.Peer), row.Network, row.size())
	w.dues++
	return nil
}

func (w *walk) tomb(tail []byte) error {
	var row tombRow
	_, err := w.tx.get(tombKey(admin(tail)), &row)
	w.due(row.Until, tombKey(admin(tail)))
	return err
}

func (w *walk) charge(who peer.ID, network []byte, bytes int64) {
	w.peers[who] += bytes
	if network != nil {
		w.networks[string(network)] += bytes
	}
}

// due looks for the row that ends another one in time.
func (w *walk) due(at int64, key []byte) {
	if ok, err := w.tx.get(dueKey(at, key), nil); !ok || err != nil {
		w.t.Errorf("row %.2s that is never due: %v", key, err)
	}
	w.dues++
}

// counts compares what was counted with the rows that say how many there are.
func (w *walk) counts() {
	for id, row := range w.files {
		if row.Leases != w.leases[id] || row.Leases == 0 {
			w.t.Errorf("shard %v counts %d leases and has %d", id, row.Leases, w.leases[id])
		}
	}
	for who, bytes := range w.peers {
		var row spentRow
		if _, err := w.tx.get(peerKey(who), &row); err != nil || row.Bytes != bytes {
			w.t.Errorf("peer %v is charged %d, has %d: %v", who, row.Bytes, bytes, err)
		}
	}
	for which, bytes := range w.networks {
		var row spentRow
		if _, err := w.tx.get(networkKey(which), &row); err != nil || row.Bytes != bytes {
			w.t.Errorf("network %x is charged %d, has %d: %v", which, row.Bytes, bytes, err)
		}
	}
	for who, n := range w.owners {
		var row ownerRow
		if _, err := w.tx.get(ownerKey(who), &row); err != nil || row.Leases != n || row.Notes != w.notes[who] || n+row.Notes == 0 {
			w.t.Errorf("file counts %d leases and has %d: %v", row.Leases, n, err)
		}
		if ok, _ := w.tx.get(locatorKey(row.Locator, who), nil); !ok {
			w.t.Error("file without a locator")
		}
	}
}

// rows compares how many rows of each kind there are with how many are owed.
func (w *walk) rows() error {
	for kind, want := range map[string]int{
		keyDue: w.dues, keyPlace: w.places, keyOwner: len(w.owners), keyLocator: len(w.owners), keyPeer: len(w.peers),
		keyNetwork: len(w.networks), keyDoomed: 0, keyDelete: 0, keyBlob: sum(w.notes),
	} {
		got := 0
		if err := w.tx.tails([]byte(kind), nil, func([]byte) (bool, error) { got++; return true, nil }); err != nil {
			return err
		}
		if got != want {
			w.t.Errorf("%d rows %q, %d expected", got, kind, want)
		}
	}
	return nil
}

// checkNoteRows returns the row of a note, to which all its others must fit.
func checkNoteRows(t testing.TB, tx tx, at noteAt) (row noteRow) {
	t.Helper()
	var blob blobRow
	if _, err := tx.get(at.key(keyNote), &row); err != nil {
		t.Error(err)
	}
	if known, err := tx.get(at.key(keyBlob), &blob); err != nil || !known || len(blob.Blob) != int(row.Length) {
		t.Errorf("note of %d bytes has %d: %v", row.Length, len(blob.Blob), err)
	}
	if known, err := tx.get(dueKey(row.due(), at.key(keyNote)), nil); err != nil || !known {
		t.Errorf("note that is never due: %v", err)
	}
	return row
}

func sum(counts map[admin]uint32) (total int) {
	for _, n := range counts {
		total += int(n)
	}
	return total
}

// checkTemp fails the test unless tmp/, intents and what is counted as in
// flight agree. No transfer may be under way.
func checkTemp(t testing.TB, s *Store, usage Usage) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, tempFolder))
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size != usage.InFlight {
		t.Errorf("%d bytes in %d temporary files, %d are counted", size, len(entries), usage.InFlight)
	}
	intents := 0
	err = s.view(func(tx tx) error {
		return tx.tails([]byte(keyIntent), nil, func([]byte) (bool, error) { intents++; return true, nil })
	})
	if err != nil || intents != len(entries) {
		t.Errorf("%d intents for %d temporary files: %v", intents, len(entries), err)
	}
}
