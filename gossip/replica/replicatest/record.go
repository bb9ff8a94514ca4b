package replicatest

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/batchain/batchain/wire"
)

// AppendRecord appends one record of a file, as the comment of package replica draws
// it.
func AppendRecord(buf []byte, kind byte, body []byte) []byte {
	sum := crc32.Checksum(append([]byte{kind}, body...), crc32.MakeTable(crc32.Castagnoli))
	payload := append(binary.BigEndian.AppendUint32(nil, sum), body...)
	return wire.AppendFrame(buf, kind, payload)
}
