package store

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

var update = flag.Bool("update", false, "write the golden store of the present format")

// goldenStore is a store of the present format, oldStore one of format 1, made
// when there were neither networks, nor drafts, nor notes.
const (
	goldenStore = "testdata/v2/store.tar.gz"
	oldStore    = "testdata/v1/store.tar.gz"
)

// goldenTime is when the golden store was left.
var goldenTime = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)

func atGoldenTime(s *Store) { s.now = func() time.Time { return goldenTime } }

// TestGoldenStores opens stores that earlier programs left: two shards, a
// deleted file, and a transfer broken off; later ones have more.
func TestGoldenStores(t *testing.T) {
	if *update {
		writeGolden(t)
	}
	for _, path := range []string{oldStore, goldenStore} {
		t.Run(path, func(t *testing.T) {
			h := &home{dir: t.TempDir()}
			unpack(t, path, h.dir)
			h.open(t, atGoldenTime)
			defer h.close(t)
			if path != oldStore {
				checkGoldenDraft(t, h.store)
			}
			checkGolden(t, h)
		})
	}
}

// checkGoldenDraft expects a draft that came from a network, and a note.
func checkGoldenDraft(t *testing.T, s *Store) {
	t.Helper()
	o, data := newOwner(t, 3), fixedBytes(7, 500)
	var row leaseRow
	err := s.view(func(tx tx) error {
		_, err := tx.get(leaseKey(shard.Sum(data), admin(o.grant.Admin)), &row)
		return err
	})
	if err != nil || row.Draft != goldenTime.Add(DraftTime).Unix() || row.payer() != payerOf(o.peer, goldenNetwork) {
		t.Errorf("draft %+v: %v", row, err)
	}
	notes, blobs := notesAt(t, s, o.grant.Locator)
	if len(notes) != 1 || notes[0].Seq != 9 || string(blobs[0]) != "note" {
		t.Errorf("notes %v", notes)
	}
	rows, _, err := s.Renew(o.grant, nil, shard.LeaseDefault, nil, 10)
	if err != nil || len(rows) != 1 || rows[0].Shard != shard.Sum(data) {
		t.Errorf("renewed %v: %v", rows, err)
	}
}

var goldenNetwork = netip.MustParsePrefix("192.0.2.0/24")

func checkGolden(t *testing.T, h *home) {
	t.Helper()
	a, gone := newOwner(t, 1), newOwner(t, 2)
	for i, want := range goldenShards() {
		if !bytes.Equal(readShard(t, h.store, shard.Sum(want)), want) {
			t.Errorf("shard %d has other bytes", i)
		}
	}
	rows, next, err := h.store.Held(a.grant.Admin, nil, 10)
	want := []shard.Held{
		{Shard: shard.Sum(goldenShards()[0]), Segment: 0, Index: 0, Length: 1000, LeaseEnd: goldenTime.Add(shard.LeaseDefault).Unix()},
		{Shard: shard.Sum(goldenShards()[1]), Segment: 70_000, Index: 19, Length: 20_000, LeaseEnd: goldenTime.Add(shard.LeaseDefault).Unix()},
	}
	if err != nil || next != nil || len(rows) != 2 || rows[0] != want[0] || rows[1] != want[1] {
		t.Errorf("held %v: %v", rows, err)
	}
	_, err = h.store.Receive(t.Context(), gone.lot(t, fixedBytes(9, 100), 0, 0), sendsNothing(t))
	if !errors.Is(err, wire.ErrDeleted) {
		t.Errorf("offer of a deleted file: %v", err)
	}
	checkWhole(t, h.store)
	data := fixedBytes(8, 30_000)
	_, err = h.store.Receive(t.Context(), a.lot(t, data, 1, 1), func(offset int64) (io.Reader, error) {
		if offset != groupSize {
			t.Errorf("resumed from %d", offset)
		}
		return bytes.NewReader(data[offset:]), nil
	})
	if err != nil {
		t.Error(err)
	}
	checkWhole(t, h.store)
}

func goldenShards() [][]byte { return [][]byte{fixedBytes(5, 1000), fixedBytes(6, 20_000)} }

func writeGolden(t *testing.T) {
	h := &home{dir: t.TempDir()}
	h.open(t, atGoldenTime)
	a, gone := newOwner(t, 1), newOwner(t, 2)
	places := []struct {
		segment uint32
		index   uint8
	}{{0, 0}, {70_000, 19}}
	for i, data := range goldenShards() {
		mustReceive(t, h.store, a.lot(t, data, places[i].segment, places[i].index), data)
	}
	data := fixedBytes(9, 100)
	mustReceive(t, h.store, gone.lot(t, data, 0, 0), data)
	if _, err := h.store.Delete(gone.grant); err != nil {
		t.Fatal(err)
	}
	draft := newOwner(t, 3)
	data = fixedBytes(7, 500)
	lot := draft.lot(t, data, 0, 0)
	lot.Draft, lot.From = true, goldenNetwork
	mustReceive(t, h.store, lot, data)
	mustPutNote(t, h.store, draft.note(t, 1, 9, []byte("note")))
	data = fixedBytes(8, 30_000)
	_, err := h.store.Receive(t.Context(), a.lot(t, data, 1, 1), sends(data[:17_000]))
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	h.close(t)
	pack(t, h.dir, goldenStore)
}

func pack(t *testing.T, dir, path string) {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		head := &tar.Header{Name: filepath.ToSlash(name), Mode: 0o600, Size: int64(len(data)), ModTime: goldenTime}
		if err := archive.WriteHeader(head); err != nil {
			return err
		}
		_, err = archive.Write(data)
		return err
	})
	if err := errors.Join(err, archive.Close(), zip.Close(), os.MkdirAll(filepath.Dir(path), 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func unpack(t *testing.T, path, dir string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zip, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewReader(zip)
	for {
		head, err := archive.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, filepath.FromSlash(head.Name))
		data, err := io.ReadAll(archive)
		err = errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, data, 0o600), os.Chtimes(to, head.ModTime, head.ModTime))
		if err != nil {
			t.Fatal(err)
		}
	}
}
