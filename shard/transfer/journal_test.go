package transfer

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// testHost is the peer id of an Ed25519 key, though nobody has it.
const testHost = peer.ID("\x00\x24\x08\x01\x12\x20abcdefghabcdefghabcdefghabcdefgh")

// sample writes a journal with every kind of record: segment 0 is whole,
// segment 1 fell short by one, segment 2 has one receipt.
func sample(tb testing.TB, path string) *journal {
	tb.Helper()
	j, err := openJournal(path)
	if err != nil {
		tb.Fatal(err)
	}
	add := func(kind byte, record any) {
		if err := j.append(kind, record, false); err != nil {
			tb.Fatal(err)
		}
	}
	host := testHost
	add(recordStart, start{Version: 1, Source: []byte("/a/b\xff"), File: shard.FileID{1, 2, 3}, Data: 1, Parity: 1, Segment: 64 << 10, Mesh: mesh})
	for number := range uint32(3) {
		add(recordSegment, sealing{Number: number, Sealed: 64 << 10, Last: number == 2, Nonce: shard.Nonce{byte(number)}, Plain: shard.Digest{byte(number)}})
		f := finished{Number: number, Shards: make([]byte, 64)}
		for index := range uint8(2 - min(number, 1)) {
			add(recordReceipt, shard.Receipt{Segment: number, Index: index, Length: 64 << 10, LeaseEnd: 2_000_000_000 + int64(number), Host: host, Time: 1_900_000_000})
			f.Placed = append(f.Placed, placedShard{Index: index, Host: host})
		}
		if number < 2 {
			add(recordDone, f)
		}
	}
	add(recordHost, hostAddrs{Peer: host, Addrs: [][]byte{{4, 127, 0, 0, 1, 6, 0x10, 0x4a}}})
	return j
}

func checkSample(t *testing.T, j *journal) {
	t.Helper()
	if len(j.segments) != 3 || string(j.start.Source) != "/a/b\xff" || j.soonest != 2_000_000_000 || len(j.hosts) != 1 {
		t.Fatalf("journal: %+v", j)
	}
	zero, one, two := j.segment(0), j.segment(1), j.segment(2)
	if !zero.whole || one.whole || one.done == 0 || len(one.receipts) != 1 || two.done != 0 || len(two.receipts) != 1 {
		t.Errorf("segments: %+v, %+v, %+v", zero, one, two)
	}
	if j.safe() != 64<<10 {
		t.Errorf("%d bytes are safe", j.safe())
	}
	for number := range uint32(2) {
		sealed, f, err := j.finished(number)
		if err != nil || sealed.Nonce != (shard.Nonce{byte(number)}) || len(f.ids()) != 2 || len(f.Placed) != 2-int(number) {
			t.Errorf("finished %d: %+v %+v %v", number, sealed, f, err)
		}
	}
	if _, _, err := j.finished(2); err == nil {
		t.Error("segment 2 is finished")
	}
	for host := range j.hosts {
		if info := j.addrsOf(host); len(info.Addrs) != 1 || info.Addrs[0].String() != "/ip4/127.0.0.1/tcp/4170" {
			t.Errorf("host: %v", info)
		}
	}
}

func reopen(t *testing.T, path string) *journal {
	t.Helper()
	j, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.close() })
	return j
}

func TestJournalComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.journal")
	j := sample(t, path)
	checkSample(t, j)
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	again := reopen(t, path)
	if checkSample(t, again); !again.resumed {
		t.Error("a put does not go on")
	}
	if id, err := journalFile(path); err != nil || id != (shard.FileID{1, 2, 3}) {
		t.Errorf("journal of %s, %v", id, err)
	}
}

// The golden journal is what version 1 writes; every later version reads it.
func TestGoldenJournal(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "v1", "put.journal"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "j.journal")
	if err := os.WriteFile(path, golden, 0o600); err != nil {
		t.Fatal(err)
	}
	checkSample(t, reopen(t, path))
	fresh := filepath.Join(t.TempDir(), "j.journal")
	if err := sample(t, fresh).close(); err != nil {
		t.Fatal(err)
	}
	if now, _ := os.ReadFile(fresh); !bytes.Equal(now, golden) {
		t.Errorf("version 1 is written in other bytes now")
	}
}

func TestJournalTornAnywhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.journal")
	j := sample(t, path)
	j.close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := wire.AppendFrame(nil, recordHost, nil)
	at := bytes.LastIndexByte(whole[:len(whole)-len(last)], recordHost) - len(last) + 1 // a host record ends it
	for end := at; end <= len(whole); end++ {
		for _, tail := range []string{"", "\x00\x00\x00", "garbage that follows"} {
			if end == len(whole) && tail == "" {
				continue
			}
			if err := os.WriteFile(path, append(whole[:end:end], tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			j := reopen(t, path)
			if !j.resumed || len(j.segments) != 3 || len(j.segment(2).receipts) != 1 {
				t.Fatalf("cut at %d of %d: %+v", end, len(whole), j)
			}
			if j.at > int64(end) {
				t.Fatalf("cut at %d: %d bytes are good", end, j.at)
			}
			if err := j.append(recordReceipt, shard.Receipt{Segment: 2, Index: 1, Host: testHost}, true); err != nil {
				t.Fatal(err)
			}
			if again := reopen(t, path); len(again.segment(2).receipts) != 2 || again.at != j.at {
				t.Fatalf("cut at %d: what was appended is gone: %+v", end, again)
			}
		}
	}
}

func TestJournalFlippedBits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.journal")
	sample(t, path).close()
	whole, _ := os.ReadFile(path)
	for at := range whole {
		flipped := bytes.Clone(whole)
		flipped[at] ^= 0x10
		if err := os.WriteFile(path, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		j := reopen(t, path)
		for number, p := range j.segments {
			if want := (sealing{Number: number, Sealed: 64 << 10, Last: number == 2, Nonce: shard.Nonce{byte(number)}, Plain: shard.Digest{byte(number)}}); p.sealing != want {
				t.Fatalf("byte %d: %+v was believed", at, p.sealing)
			}
		}
		if j.at > int64(at) && j.at != int64(len(whole)) {
			t.Fatalf("byte %d: %d bytes were believed", at, j.at)
		}
	}
}

func TestJournalOfALaterVersionIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.journal")
	j := reopen(t, path)
	if err := j.append(recordStart, start{Version: journalVersion + 1}, true); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	if _, err := openJournal(path); !errors.Is(err, ErrNewerJournal) {
		t.Errorf("opened: %v", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("it was changed")
	}
}

func TestJournalSkipsRecordsItDoesNotKnow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.journal")
	j := sample(t, path)
	if err := j.append(77, hostAddrs{}, false); err != nil {
		t.Fatal(err)
	}
	at := j.at
	j.close()
	if again := reopen(t, path); again.at != at {
		t.Errorf("%d bytes of %d", again.at, at)
	}
}

func TestResealedSegmentDropsItsReceipts(t *testing.T) {
	j := sample(t, filepath.Join(t.TempDir(), "j.journal"))
	defer j.close()
	for number := range uint32(3) {
		if err := j.append(recordSegment, sealing{Number: number, Nonce: shard.Nonce{9}}, true); err != nil {
			t.Fatal(err)
		}
		if p := j.segment(number); len(p.receipts) != 0 || p.whole || p.done != 0 || p.sealing.Nonce != (shard.Nonce{9}) {
			t.Errorf("segment %d: %+v", number, p)
		}
	}
}

func FuzzJournal(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed.journal")
	sample(f, path).close()
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "j.journal")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := openJournal(path)
		if errors.Is(err, ErrNewerJournal) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer j.close()
		if !j.resumed {
			if err := j.append(recordStart, start{Version: 1, Data: 1, Segment: 1 << 16}, false); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.append(recordSegment, sealing{Number: 3, Sealed: 99}, false); err != nil {
			t.Fatal(err)
		}
		again := reopen(t, path)
		if !again.resumed || again.at != j.at || len(again.segments) != len(j.segments) || again.segment(3).sealing.Sealed != 99 {
			t.Fatalf("loaded %+v, then %+v", j, again)
		}
	})
}
