package transfer

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

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

func readRecord(r io.Reader) (byte, []byte, error) { return readRecordOf(r, maxJournalRecord) }

// readRecordOf reads a record of at most limit bytes.
func readRecordOf(r io.Reader, limit int) (byte, []byte, error) {
	kind, payload, err := wire.ReadFrame(r, limit)
	if err != nil {
		return 0, nil, err
	}
	if len(payload) < 4 || binary.BigEndian.Uint32(payload) != crc32.Checksum(payload[4:], castagnoli) {
		return 0, nil, errTorn
	}
	return kind, payload[4:], nil
}

// frameRecord makes a record of its CBOR.
func frameRecord(kind byte, body []byte) []byte {
	payload := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), crc32.Checksum(body, castagnoli))
	return wire.AppendFrame(nil, kind, append(payload, body...))
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
