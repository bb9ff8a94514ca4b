package transfer

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// journal is the record of one unfinished put. Records are frames of package
// wire whose payload is a CRC-32C (4 bytes) and CBOR; the tail that a crash
// tore off is dropped. It is safe for concurrent use.
type journal struct {
	start    start
	resumed  bool
	mu       sync.Mutex
	file     *os.File
	at       int64
	segments map[uint32]*progressOf
	hosts    map[peer.ID][][]byte
	soonest  int64 // end of the lease that ends first, Unix seconds; 0 = no receipt
	oldest   int64 // time of the first receipt, Unix seconds; 0 = none

	doubted map[peer.ID]int64 // offset before which a host's receipts do not count: it did not confirm them
}

// journalPath names the journal of a source in a mesh.
func journalPath(folder, mesh, source string) string {
	sum := blake3.Sum256([]byte(mesh + "\x00" + source))
	return filepath.Join(folder, hex.EncodeToString(sum[:16])+journalSuffix)
}

const journalSuffix = ".journal"

// trustTime is how old a receipt may be for a put that resumes to count it
// unasked.
const trustTime = time.Hour

// journalFile tells the file that a journal is of, and changes nothing.
func journalFile(path string) (shard.FileID, error) {
	file, err := os.Open(path)
	if err != nil {
		return shard.FileID{}, err
	}
	defer file.Close()
	var s start
	kind, body, err := readRecord(file)
	if err == nil && kind != recordStart {
		err = errTorn
	}
	if err == nil {
		err = wire.Unmarshal(body, &s)
	}
	return s.File, err
}

// openJournal opens or makes the journal at path. One put at a time may have it
// open; see [Engine.claim]. One that a later version wrote is left alone:
// [ErrNewerJournal].
func openJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &journal{file: file, segments: map[uint32]*progressOf{}, hosts: map[peer.ID][][]byte{}, doubted: map[peer.ID]int64{}}
	if err = j.load(); err == nil {
		err = disk.SyncFolder(filepath.Dir(path))
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	return j, nil
}

// reset forgets everything: the put begins anew.
func (j *journal) reset() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.start, j.resumed, j.at, j.soonest, j.oldest = start{}, false, 0, 0, 0
	clear(j.segments)
	clear(j.hosts)
	clear(j.doubted)
	return j.file.Truncate(0)
}

// append writes one record and takes it in. With durable it is on disk, power
// cut or not, when append returns.
func (j *journal) append(kind byte, record any, durable bool) error {
	body, err := wire.Marshal(record)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	frame := frameRecord(kind, body)
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.WriteAt(frame, j.at); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if durable {
		if err := j.file.Sync(); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	if err := j.replay(kind, body); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.at += int64(len(frame))
	return nil
}

// segment returns what is known of a segment; nil when it was never begun. The
// receipts are a copy.
func (j *journal) segment(number uint32) *progressOf {
	j.mu.Lock()
	defer j.mu.Unlock()
	p := j.segments[number]
	if p == nil {
		return nil
	}
	known := &progressOf{sealing: p.sealing, done: p.done, whole: p.whole, receipts: map[uint8]shard.Receipt{}}
	for i, r := range p.receipts {
		known.receipts[i] = r
	}
	return known
}

// safe sums the sealed bytes of the segments that need no host any more.
func (j *journal) safe() (sum int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, p := range j.segments {
		if p.whole {
			sum += int64(p.sealing.Sealed)
		}
	}
	return sum
}

// lasts reports whether every receipt is good until then.
func (j *journal) lasts(until time.Time) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.soonest == 0 || j.soonest >= until.Unix()
}

// stale reports whether a receipt is older than trustTime: its host may have died
// since.
func (j *journal) stale(now time.Time) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.oldest != 0 && now.Sub(time.Unix(j.oldest, 0)) > trustTime
}

// begun is how many segments there are by now.
func (j *journal) begun() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.segments)
}

// everyHost returns the hosts that gave receipts.
func (j *journal) everyHost() []peer.ID {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Collect(maps.Keys(j.hosts))
}

// finished reads back a segment that is done.
func (j *journal) finished(number uint32) (sealing, finished, error) {
	j.mu.Lock()
	p := j.segments[number]
	j.mu.Unlock()
	if p == nil || p.done == 0 {
		return sealing{}, finished{}, fmt.Errorf("journal: segment %d is not finished", number)
	}
	_, body, err := readRecord(io.NewSectionReader(j.file, p.done, maxJournalRecord+wire.FrameHeaderSize))
	if err != nil {
		return sealing{}, finished{}, fmt.Errorf("journal: %w", err)
	}
	var f finished
	return p.sealing, f, wire.Unmarshal(body, &f)
}

// remove deletes the journal: the put is complete, or given up.
func (j *journal) remove() error {
	err := os.Remove(j.file.Name())
	return errors.Join(err, disk.SyncFolder(filepath.Dir(j.file.Name())), j.file.Close())
}

// close leaves the journal for a later put, if there is anything in it.
func (j *journal) close() error {
	if j.at == 0 {
		return j.remove()
	}
	return j.file.Close()
}
