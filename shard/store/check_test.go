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
	var stored counters
	leases := make(map[shard.ID]uint32)
	owners := make(map[admin]uint32)
	peers, networks := make(map[peer.ID]int64), make(map[string]int64)
	places, dues := 0, 0
	notes, noted := make(map[admin]uint32), int64(0)
	err := s.view(func(tx tx) error {
		if _, err := tx.get([]byte(keyCounters), &stored); err != nil {
			return err
		}
		lengths := make(map[shard.ID]fileRow)
		err := tx.tails([]byte(keyFile), nil, func(tail []byte) (bool, error) {
			var row fileRow
			id := shard.ID(tail)
			_, err := tx.get(fileKey(id), &row)
			lengths[id] = row
			if size, ok := onDisk[s.path(id)]; !ok || size != diskSize(row.Length) {
				t.Errorf("shard %v: %d bytes on disk, %d in the index", id, size, diskSize(row.Length))
			}
			return true, err
		})
		if err != nil {
			return err
		}
		err = tx.tails([]byte(keyLease), nil, func(tail []byte) (bool, error) {
			var row leaseRow
			id, owner := shard.ID(tail), admin(tail[32:])
			_, err := tx.get(leaseKey(id, owner), &row)
			leases[id]++
			owners[owner]++
			cost := diskSize(lengths[id].Length) + placeCost*int64(len(row.Places))
			peers[peer.ID(row.Peer)] += cost
			if row.Network != nil {
				networks[string(row.Network)] += cost
			}
			if ok, err := tx.get(dueKey(row.due(), leaseKey(id, owner)), nil); !ok || err != nil {
				t.Errorf("lease that is never due: %v", err)
			}
			dues++
			for _, at := range row.Places {
				if ok, err := tx.get(placeKey(owner, at, id), &placeRow{}); !ok || err != nil {
					t.Errorf("lease without its place %v: %v", at, err)
				}
				places++
			}
			return true, err
		})
		if err != nil {
			return err
		}
		err = tx.tails([]byte(keyNote), nil, func(tail []byte) (bool, error) {
			at, err := parseNote(tail)
			if err != nil {
				return false, err
			}
			row := checkNoteRows(t, tx, at)
			owners[at.owner] += 0
			notes[at.owner]++
			noted += row.size()
			peers[peer.ID(row.Peer)] += row.size()
			if row.Network != nil {
				networks[string(row.Network)] += row.size()
			}
			dues++
			return true, nil
		})
		if err != nil {
			return err
		}
		for id, row := range lengths {
			if row.Leases != leases[id] || row.Leases == 0 {
				t.Errorf("shard %v counts %d leases and has %d", id, row.Leases, leases[id])
			}
		}
		for who, bytes := range peers {
			var row spentRow
			if _, err := tx.get(peerKey(who), &row); err != nil || row.Bytes != bytes {
				t.Errorf("peer %v is charged %d, has %d: %v", who, row.Bytes, bytes, err)
			}
		}
		for which, bytes := range networks {
			var row spentRow
			if _, err := tx.get(networkKey(which), &row); err != nil || row.Bytes != bytes {
				t.Errorf("network %x is charged %d, has %d: %v", which, row.Bytes, bytes, err)
			}
		}
		for who, n := range owners {
			var row ownerRow
			if _, err := tx.get(ownerKey(who), &row); err != nil || row.Leases != n || row.Notes != notes[who] || n+row.Notes == 0 {
				t.Errorf("file counts %d leases and has %d: %v", row.Leases, n, err)
			}
			if ok, _ := tx.get(locatorKey(row.Locator, who), nil); !ok {
				t.Error("file without a locator")
			}
		}
		err = tx.tails([]byte(keyTomb), nil, func(tail []byte) (bool, error) {
			var row tombRow
			if _, err := tx.get(tombKey(admin(tail)), &row); err != nil {
				return false, err
			}
			if ok, err := tx.get(dueKey(row.Until, tombKey(admin(tail))), nil); !ok || err != nil {
				t.Errorf("tombstone that stays for ever: %v", err)
			}
			dues++
			return true, nil
		})
		if err != nil {
			return err
		}
		expect := map[string]int{keyDue: dues, keyPlace: places, keyOwner: len(owners), keyLocator: len(owners), keyPeer: len(peers), keyNetwork: len(networks), keyDoomed: 0, keyDelete: 0, keyBlob: sum(notes)}
		for kind, want := range expect {
			got := 0
			if err := tx.tails([]byte(kind), nil, func([]byte) (bool, error) { got++; return true, nil }); err != nil {
				return err
			}
			if got != want {
				t.Errorf("%d rows %q, %d expected", got, kind, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if usage := s.Usage(); stored.Used != usage.Used || stored.Shards != usage.Shards || stored.Places != usage.Places || stored.Notes != noted || usage.Notes != noted || usage.Places != int64(places) {
		t.Errorf("stored counters %+v, counted %+v", stored, usage)
	}
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
