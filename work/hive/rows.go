package hive

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// The first byte of every key; see the package comment.
const (
	rowFormat     = 'v'
	rowSecret     = 's'
	rowProject    = 'P'
	rowUnit       = 'u'
	rowGroup      = 'g'
	rowOutput     = 'r'
	rowChunk      = 'c'
	rowKey        = 'y'
	rowCursor     = 'k'
	rowEvent      = 'e'
	rowReputation = 'p'
	rowBee        = 'b'
	rowQuiz       = 'z'
)

// format is the format of the database.
const format = 1

// rowVersion begins every value.
const rowVersion = 1

type (
	projectRow struct {
		Project work.Project `cbor:"1,keyasint"`
		State   State        `cbor:"2,keyasint"`
		Sealed  bool         `cbor:"3,keyasint,omitempty"`
		Made    uint64       `cbor:"4,keyasint"` // units so far: the number of the next one
		Ended   [3]uint64    `cbor:"5,keyasint"` // units that are Valid, Failed, Cancelled
		Begun   uint64       `cbor:"6,keyasint"` // attempts handed out
		Checks  uint64       `cbor:"7,keyasint"` // of them spot checks
	}
	quizRow struct {
		Unit   work.Unit   `cbor:"1,keyasint"`
		Digest work.Digest `cbor:"2,keyasint"`
		Bees   []peer.ID   `cbor:"3,keyasint"` // who have seen it
	}
	beeRow struct {
		Since int64  `cbor:"1,keyasint"`
		Until int64  `cbor:"2,keyasint"`
		Owner []byte `cbor:"3,keyasint,omitempty"`
	}
)

func projectKey(id uint32) []byte { return binary.BigEndian.AppendUint32([]byte{rowProject}, id) }

// unitKey puts units of high priority first.
func unitKey(id uint32, priority uint8, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(laneKey(id, priority), seq)
}

func laneKey(id uint32, priority uint8) []byte {
	return append(inProject(rowUnit, id), work.MaxPriority-priority)
}

func inProject(row byte, id uint32) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 48), row), id)
}

func seqKey(row byte, id uint32, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(inProject(row, id), seq)
}

func outputKey(id uint32, seq uint64, digest work.Digest) []byte {
	return append(seqKey(rowOutput, id, seq), digest[:]...)
}

func namedKey(row byte, id uint32, name string) []byte { return append(inProject(row, id), name...) }

func eventKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{rowEvent}, n) }

func reputationKey(program work.ProgramID, bee peer.ID) []byte {
	return append(append([]byte{rowReputation}, program[:]...), bee...)
}

func beeKey(bee peer.ID) []byte { return append([]byte{rowBee}, bee...) }

// number reads the last eight bytes of a key.
func number(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }

func encodeRow(v any) ([]byte, error) {
	body, err := wire.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append([]byte{rowVersion}, body...), nil
}

func decodeRow(row []byte, v any) error {
	if len(row) == 0 {
		return errors.New("row is empty")
	}
	if row[0] != rowVersion {
		return fmt.Errorf("row of version %d, this program knows %d", row[0], rowVersion)
	}
	return wire.Unmarshal(row[1:], v)
}
