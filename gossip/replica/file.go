package replica

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// start is the first record of a file: what it is of, and who wrote it.
type start struct {
	Version int     `cbor:"1,keyasint"`
	Doc     string  `cbor:"2,keyasint"`
	Mesh    string  `cbor:"3,keyasint"`
	Peer    peer.ID `cbor:"4,keyasint"`
	Epoch   uint64  `cbor:"5,keyasint"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const crcSize = 4

// appendRecord appends one record of a file: a frame whose payload is a CRC-32C of
// the kind and the rest, and the rest.
func appendRecord(buf []byte, kind byte, v any) ([]byte, error) {
	body, err := wire.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	payload := binary.BigEndian.AppendUint32(make([]byte, 0, crcSize+len(body)), sumOf(kind, body))
	return wire.AppendFrame(buf, kind, append(payload, body...)), nil
}

func sumOf(kind byte, body []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte{kind}, castagnoli), castagnoli, body)
}

// parseRecord checks a record that was read as a frame.
func parseRecord(kind byte, payload []byte) ([]byte, error) {
	if len(payload) < crcSize || binary.BigEndian.Uint32(payload) != sumOf(kind, payload[crcSize:]) {
		return nil, fmt.Errorf("record: %w", wire.ErrDamaged)
	}
	return payload[crcSize:], nil
}

// Save writes all that this replica holds. [Replica.Load] reads it, in any replica
// of the document. What has to survive a crash belongs into a file of [Open].
func (r *Replica) Save(w io.Writer) error {
	r.mu.Lock()
	first := r.start()
	updates := r.history(nil)
	r.mu.Unlock()
	out := bufio.NewWriterSize(w, 64<<10)
	if err := save(out, first, updates); err != nil {
		return fmt.Errorf("save %s: %w", r.cfg.Doc, err)
	}
	return nil
}

func (r *Replica) start() start {
	return start{Version: version, Doc: r.cfg.Doc, Mesh: r.cfg.Mesh, Peer: r.self.Peer, Epoch: r.self.Epoch}
}

func save(out *bufio.Writer, first start, updates []Update) error {
	write := func(kind byte, v any) error {
		record, err := appendRecord(nil, kind, v)
		if err == nil {
			_, err = out.Write(record)
		}
		return err
	}
	if err := write(kindStart, first); err != nil {
		return err
	}
	for _, u := range updates {
		if err := write(kindUpdate, u.record); err != nil {
			return err
		}
	}
	if err := write(kindCommit, sourceList{}); err != nil {
		return err
	}
	return out.Flush()
}
