package transfer

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"

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
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	return j, nil
}

// load replays the records up to the first that is damaged, and cuts there. A
// disk that cannot be read is no reason to cut.
func (j *journal) load() error {
	in := bufio.NewReaderSize(j.file, 64<<10)
	for {
		kind, body, err := readRecord(in)
		var disk *fs.PathError
		if errors.As(err, &disk) {
			return err
		}
		if err != nil {
			break
		}
		if err := j.replay(kind, body); err != nil {
			break
		}
		j.at += int64(wire.FrameHeaderSize + 4 + len(body))
	}
	if j.start.Version > journalVersion {
		return ErrNewerJournal
	}
	j.resumed = j.start.valid()
	if !j.resumed {
		return j.reset()
	}
	return j.file.Truncate(j.at)
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

func readRecord(r io.Reader) (byte, []byte, error) {
	kind, payload, err := wire.ReadFrame(r, maxJournalRecord)
	if err != nil {
		return 0, nil, err
	}
	if len(payload) < 4 || binary.BigEndian.Uint32(payload) != crc32.Checksum(payload[4:], castagnoli) {
		return 0, nil, errTorn
	}
	return kind, payload[4:], nil
}

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errTorn    = errors.New("record is torn")
)

func (j *journal) replay(kind byte, body []byte) error {
	if (kind == recordStart) != (j.at == 0) {
		return errTorn
	}
	switch kind {
	case recordStart:
		return wire.Unmarshal(body, &j.start)
	case recordSegment:
		var s sealing
		if err := wire.Unmarshal(body, &s); err != nil {
			return err
		}
		j.segments[s.Number] = &progressOf{sealing: s, receipts: map[uint8]shard.Receipt{}}
	case recordReceipt:
		var r shard.Receipt
		if err := wire.Unmarshal(body, &r); err != nil {
			return err
		}
		j.date(r)
		if p := j.segments[r.Segment]; p != nil && p.receipts != nil {
			p.receipts[r.Index] = r
		}
	case recordDone:
		var f finished
		if err := wire.Unmarshal(body, &f); err != nil {
			return err
		}
		if p := j.segments[f.Number]; p != nil {
			p.done, p.whole = j.at, len(f.Placed) >= j.start.scheme().Shards()
			if p.whole {
				p.receipts = nil
			}
		}
	case recordHost:
		var h hostAddrs
		if err := wire.Unmarshal(body, &h); err != nil {
			return err
		}
		j.hosts[h.Peer] = h.Addrs
	case recordDoubt:
		var d doubt
		if err := wire.Unmarshal(body, &d); err != nil {
			return err
		}
		j.doubt(d.Host)
	}
	return nil // a kind we do not know is a later version's, and may be skipped
}

// doubt drops the receipts of a host so far.
func (j *journal) doubt(h peer.ID) {
	j.doubted[h] = j.at
	for _, p := range j.segments {
		maps.DeleteFunc(p.receipts, func(_ uint8, r shard.Receipt) bool { return r.Host == h })
	}
}

// trusts reports whether a receipt that a host gave before the record at this
// offset counts.
func (j *journal) trusts(h peer.ID, at int64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.doubted[h] <= at
}

// date takes in the times of a receipt.
func (j *journal) date(r shard.Receipt) {
	if j.soonest == 0 || r.LeaseEnd < j.soonest {
		j.soonest = r.LeaseEnd
	}
	if j.oldest == 0 || r.Time < j.oldest {
		j.oldest = r.Time
	}
}

// append writes one record and takes it in. With durable it is on disk, power
// cut or not, when append returns.
func (j *journal) append(kind byte, record any, durable bool) error {
	body, err := wire.Marshal(record)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	payload := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), crc32.Checksum(body, castagnoli))
	frame := wire.AppendFrame(nil, kind, append(payload, body...))
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
	return errors.Join(err, syncFolder(filepath.Dir(j.file.Name())), j.file.Close())
}

// close leaves the journal for a later put, if there is anything in it.
func (j *journal) close() error {
	if j.at == 0 {
		return j.remove()
	}
	return j.file.Close()
}
