package exchange

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// player is a host whose peers all answer with the same bytes.
type player struct {
	host.Host
	answer []byte
}

func (p player) NewStream(context.Context, peer.ID, ...protocol.ID) (network.Stream, error) {
	s := &tape{}
	s.in.Write(p.answer)
	return s, nil
}

// asker carries out one operation of a file against a host that answers with
// data, and fails the test if what it returns is out of bounds.
type asker func(t *testing.T, data []byte) error

// askers are the operations that read more than one frame of fixed size, by
// the kind of their request. They hold for a file at host.
func askers(tb testing.TB, host peer.ID, now time.Time) map[byte]asker {
	tb.Helper()
	messages := map[byte]orderMessage{}
	var note noteMessage
	var charge keepMessage
	for _, stream := range wholeFile(tb, host, now) {
		kind, payload, _, err := wire.ParseFrame(stream, maxRequest)
		if err != nil {
			tb.Fatal(err)
		}
		var m orderMessage
		switch kind {
		case opAudit, opRenew, opTurn:
			err = wire.Unmarshal(payload, &m)
		case opNotePut:
			err = wire.Unmarshal(payload, &note)
		case opKeep:
			err = wire.Unmarshal(payload, &charge)
		}
		if err != nil {
			tb.Fatal(err)
		}
		messages[kind] = m
	}
	body := bytes.Repeat([]byte("shard "), 20)
	var terms shard.Note
	if err := wire.Unmarshal(note.Note.Body, &terms); err != nil {
		tb.Fatal(err)
	}
	ctx := context.Background()
	client := func(data []byte) *Client { return NewClient(player{answer: data}, "test", Timeouts{}) }
	return map[byte]asker{
		opAudit: func(t *testing.T, data []byte) error {
			slices, err := client(data).Audit(ctx, host, messages[opAudit].Grant, messages[opAudit].Order, 2)
			for _, slice := range slices {
				if len(slice) > shard.MaxSlice {
					t.Fatalf("slice of %d bytes", len(slice))
				}
			}
			if err == nil && len(slices) != 2 {
				t.Fatalf("%d slices", len(slices))
			}
			return err
		},
		opRenew: func(t *testing.T, data []byte) error {
			receipts, next, err := client(data).Renew(ctx, host, messages[opRenew].Grant, messages[opRenew].Order)
			if len(receipts) > maxRenewed || len(next) > maxCursor {
				t.Fatalf("%d receipts, cursor of %d", len(receipts), len(next))
			}
			return err
		},
		opNotePut: func(_ *testing.T, data []byte) error {
			_, err := client(data).PutNote(ctx, host, shard.SignedNote{Grant: note.Grant, Note: note.Note, Blob: body}, terms)
			return err
		},
		opNoteGet: func(t *testing.T, data []byte) error {
			at := shard.FileID{2}.Locator()
			notes, err := client(data).Notes(ctx, host, at)
			for _, n := range notes {
				if err := checkNote(n, at, "test"); err != nil || len(notes) > shard.MaxWriters {
					t.Fatalf("%d notes, %v", len(notes), err)
				}
			}
			return err
		},
		opKeep: func(_ *testing.T, data []byte) error {
			return client(data).Keep(ctx, host, charge.Charge, bytes.NewReader(body))
		},
		opTurn: func(t *testing.T, data []byte) error {
			turn, err := client(data).Turn(ctx, host, messages[opTurn].Grant, messages[opTurn].Order)
			if len(turn.Keepers) > shard.MaxKeepers {
				t.Fatalf("%d keepers", len(turn.Keepers))
			}
			return err
		},
	}
}

// answers plays every operation of a file and returns what the host said to
// those that askers has, by the kind of the request.
func answers(tb testing.TB) (map[byte][]byte, map[byte]asker) {
	tb.Helper()
	now := time.Now()
	s, _ := taped(tb, now)
	said := map[byte][]byte{}
	for _, stream := range wholeFile(tb, s.cfg.Host.ID(), now) {
		said[stream[wire.FrameHeaderSize-1]] = s.play(stream)
	}
	return said, askers(tb, s.cfg.Host.ID(), now)
}

// What a server says its own client takes.
func TestAskersTakeAnswers(t *testing.T) {
	said, askers := answers(t)
	for kind, ask := range askers {
		if err := ask(t, said[kind]); err != nil {
			t.Errorf("operation %d: %v", kind, err)
		}
		if ask(t, said[kind][:len(said[kind])-1]) == nil {
			t.Errorf("operation %d: an answer that is cut off went through", kind)
		}
	}
}

// Whatever a host says, an asker ends, with nothing that is out of bounds.
func FuzzAsk(f *testing.F) {
	said, askers := answers(f)
	for kind := range askers {
		f.Add(kind, said[kind])
	}
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		if ask := askers[kind]; ask != nil {
			_ = ask(t, data)
		}
	})
}
