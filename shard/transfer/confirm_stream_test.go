package transfer

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// A stream that too few confirmed is put again under its name: the hosts that
// did not, though they are there and say that they have it, are passed over.
func TestStreamThatTooFewConfirmIsPutAgain(t *testing.T) {
	b := newBed(t, 3)
	b.cut(twoThree, segmentSize)
	b.addForgetful(nil, wire.ErrInternal)
	b.addForgetful(nil, wire.ErrInternal)
	content := noise(3 * (segmentSize - shard.SealOverhead))
	put := func() (PutResult, error) {
		return b.engine.Put(t.Context(), Source{Stream: bytes.NewReader(content), Name: "s", Size: -1}, PutOptions{}, quiet)
	}
	var short *ShortError
	if _, err := put(); !errors.As(err, &short) || short.Have != 3 {
		t.Fatalf("two of five do not confirm: %v", err)
	}
	bad := b.hosts[3:]
	b.hosts = b.hosts[:3:3]
	b.addHost()
	b.addHost()
	before, began := b.delivered(), b.journal().start.File
	r, err := put()
	if err != nil || r.Shortfall != "" || r.File != began {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, k := range bad {
		if b.holds(r.Manifest, k.host.ID()) != 0 {
			t.Error("the manifest counts on a host that did not confirm")
		}
	}
	if sent := b.delivered() - before; sent != 2*3*segmentSize/2 {
		t.Errorf("%d bytes were sent again, two shards of three segments were missing", sent)
	}
	b.get(r.Manifest, content)
}

// A stream cannot be read again: the host that died is told of.
func TestStreamWhoseHostDiesBeforeItIsConfirmed(t *testing.T) {
	b := newBed(t, 6)
	b.cut(twoThree, segmentSize)
	b.engine.confirmPatience = 100 * time.Millisecond
	content := noise(4 * (segmentSize - shard.SealOverhead))
	var victim *keeper
	source := &atEnd{data: content, then: func() {
		for _, k := range b.hosts {
			if victim == nil && k.store.Shards() > 0 {
				victim = k
				k.die()
			}
		}
	}}
	r, err := b.engine.Put(t.Context(), Source{Stream: source, Name: "s", Size: -1}, PutOptions{Scheme: twoThree}, quiet)
	if err != nil || r.Shortfall == "" || b.holds(r.Manifest, victim.host.ID()) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	b.get(r.Manifest, content)
}

// atEnd is a stream that calls then once before its last bytes.
type atEnd struct {
	data []byte
	at   int
	then func()
}

func (s *atEnd) Read(buf []byte) (int, error) {
	if s.at == len(s.data) {
		return 0, io.EOF
	}
	if most := len(s.data) - 1 - s.at; most > 0 {
		buf = buf[:min(len(buf), most)]
	} else if s.then != nil {
		s.then()
		s.then = nil
	}
	n := copy(buf, s.data[s.at:])
	s.at += n
	return n, nil
}

// A put that takes longer than a draft lives confirms what stands meanwhile.
func TestLongPutConfirmsMeanwhile(t *testing.T) {
	b := newBed(t, 5)
	b.cut(twoThree, segmentSize)
	b.engine.confirmEvery = 20 * time.Millisecond
	content := noise(4 * (segmentSize - shard.SealOverhead))
	confirmed := func() bool {
		shards := 0
		for _, k := range b.hosts {
			shards += k.store.Shards()
		}
		return shards >= 15 && b.drafts() == 0
	}
	source := &atEnd{data: content, then: func() { poll(t, confirmed) }}
	r, err := b.engine.Put(t.Context(), Source{Stream: source, Name: "s", Size: -1}, PutOptions{Scheme: twoThree}, quiet)
	if err != nil || r.Shortfall != "" {
		t.Fatalf("%+v, %v", r, err)
	}
	b.get(r.Manifest, content)
}
