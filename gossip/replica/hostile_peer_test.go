package replica_test

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/batchain/batchain/gossip/replica"
	"github.com/batchain/batchain/wire"
)

// The kinds of frames, as in the package comment.
const (
	kindHeader = 1
	kindUpdate = 2
	kindCommit = 3
	kindWant   = 4
	kindDone   = 5
)

// liar is the other side of a stream, of which the test writes every byte.
type liar struct {
	t  testing.TB
	rw net.Conn
}

// lie lets a replica replicate with a liar, and returns what Replicate returned.
// What the liar does not read is thrown away.
func lie(t testing.TB, r *replica.Replica, opts replica.StreamOptions, liar func(l liar)) error {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- r.Replicate(t.Context(), ours, opts) }()
	lied(t, theirs, liar)
	err := <-done
	_ = theirs.Close()
	return err
}

func lied(t testing.TB, rw net.Conn, run func(l liar)) {
	run(liar{t, rw})
	_, _ = io.Copy(io.Discard, rw)
}

// read returns the next frame.
func (l liar) read() (byte, []byte) {
	l.t.Helper()
	kind, payload, err := wire.ReadFrame(l.rw, 1<<20)
	if err != nil {
		l.t.Errorf("the liar reads: %v", err)
	}
	return kind, payload
}

// until reads frames up to one of a kind.
func (l liar) until(kind byte) []byte {
	l.t.Helper()
	for {
		got, payload := l.read()
		if got == kind || l.t.Failed() {
			return payload
		}
	}
}

// greet writes a header, with fields changed.
func (l liar) greet(change map[int]any) {
	l.t.Helper()
	h := map[int]any{1: 1, 2: "doc", 3: "test", 4: signerID(9), 5: 1, 6: false}
	for key, value := range change {
		h[key] = value
	}
	l.write(kindHeader, h)
}

func (l liar) write(kind byte, v any) {
	l.t.Helper()
	l.frame(kind, encode(l.t, v))
}

func (l liar) frame(kind byte, payload []byte) {
	// The other side may have left already, for a reason that the test looks at.
	_ = wire.WriteFrame(l.rw, kind, payload)
}

// updates writes records and a commit.
func (l liar) updates(full []map[int]any, records ...[]byte) {
	l.t.Helper()
	for _, record := range records {
		l.frame(kindUpdate, record)
	}
	l.write(kindCommit, map[int]any{1: full})
}

// records returns what a replica sends of its history, as it travels.
func records(t testing.TB, r *replica.Replica) [][]byte {
	t.Helper()
	var file bytes.Buffer
	must(t, r.Save(&file))
	var all [][]byte
	for {
		kind, payload, err := wire.ReadFrame(&file, 1<<20)
		if err == io.EOF {
			return all
		}
		must(t, err)
		if kind == kindUpdate {
			all = append(all, payload[4:])
		}
	}
}
