package replica_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/gossip/replica"
	"github.com/batchain/batchain/gossip/replica/replicatest"
	"github.com/batchain/batchain/wire"
)

// record signs a body in the name of the n-th signer.
func record(t testing.TB, n byte, change map[int]any) []byte {
	t.Helper()
	b := map[int]any{
		1: signerID(n), 2: uint64(7), 3: uint64(1), 4: uint64(replica.At(time.Now())), 5: emptyRoot(),
		6: encode(t, map[int]any{1: []byte("k"), 2: []byte("v")}),
	}
	for key, value := range change {
		b[key] = value
		if value == nil {
			delete(b, key)
		}
	}
	body := encode(t, b)
	sig, err := replicatest.Signer(n).Sign(wire.Domain{Kind: "replica/doc", Mesh: "test"}.Covered(body))
	must(t, err)
	return encode(t, map[int]any{1: body, 2: sig})
}

// emptyRoot is what the first update of a source says of those before it.
func emptyRoot() []byte {
	root := blake3.Sum256(make([]byte, 2048))
	return root[:]
}

// Malformed bytes end their stream with an error of their kind, and nothing else.
func TestMalformedBytesEndTheStream(t *testing.T) {
	tests := map[string]struct {
		lie  func(l liar)
		want error
	}{
		"no header":         {func(l liar) { l.updates(nil) }, wire.ErrBadRequest},
		"rubbish":           {func(l liar) { l.frame(kindHeader, []byte("rubbish")) }, wire.ErrBadRequest},
		"JSON of old":       {func(l liar) { _, _ = l.rw.Write([]byte(`{"id":"x","clock":{}}` + "\n")) }, wire.ErrTooLarge},
		"empty":             {func(l liar) { _ = l.rw.Close() }, io.ErrUnexpectedEOF},
		"zero length":       {func(l liar) { _, _ = l.rw.Write(make([]byte, 5)) }, wire.ErrBadRequest},
		"huge frame":        {func(l liar) { _, _ = l.rw.Write([]byte{0x7f, 0xff, 0xff, 0xff, 1}) }, wire.ErrTooLarge},
		"an error frame":    {func(l liar) { _ = wire.WriteError(l.rw, wire.ErrBusy) }, wire.ErrBusy},
		"later version":     {func(l liar) { l.greet(map[int]any{1: 2}) }, replica.ErrVersion},
		"other document":    {func(l liar) { l.greet(map[int]any{2: "other"}) }, replica.ErrDocument},
		"other mesh":        {func(l liar) { l.greet(map[int]any{3: "other"}) }, replica.ErrDocument},
		"no id":             {func(l liar) { l.greet(map[int]any{4: []byte{}}) }, wire.ErrBadRequest},
		"unknown direction": {func(l liar) { l.greet(map[int]any{5: 9}) }, wire.ErrBadRequest},
		"much meta":         {func(l liar) { l.greet(map[int]any{8: make([]byte, replica.MaxMeta+1)}) }, wire.ErrBadRequest},
		"clock without id":  {func(l liar) { l.greet(map[int]any{7: []any{map[int]any{2: 1, 3: 1}}}) }, wire.ErrBadRequest},
		"clock too far":     {func(l liar) { l.greet(map[int]any{7: []any{map[int]any{1: signerID(1), 2: 1, 3: uint64(1) << 63}}}) }, wire.ErrBadRequest},
		"long clock": {func(l liar) {
			var clock []any
			for i := range 4097 {
				clock = append(clock, map[int]any{1: signerID(1), 2: i + 1, 3: 1})
			}
			l.greet(map[int]any{7: clock})
		}, wire.ErrBadRequest},
		"update rubbish":   {func(l liar) { l.greet(nil); l.frame(kindUpdate, []byte("rubbish")) }, wire.ErrBadRequest},
		"update null":      {func(l liar) { l.greet(nil); l.frame(kindUpdate, []byte{0xf6}) }, wire.ErrBadRequest},
		"update an array":  {func(l liar) { l.greet(nil); l.write(kindUpdate, []int{1}) }, wire.ErrBadRequest},
		"body an array":    {func(l liar) { l.greet(nil); l.write(kindUpdate, map[int]any{1: []byte{0x80}, 2: []byte{}}) }, wire.ErrBadRequest},
		"number 0":         {func(l liar) { l.greet(nil); l.frame(kindUpdate, record(l.t, 3, map[int]any{3: 0})) }, wire.ErrBadRequest},
		"number a text":    {func(l liar) { l.greet(nil); l.frame(kindUpdate, record(l.t, 3, map[int]any{3: "9e99"})) }, wire.ErrBadRequest},
		"number too large": {func(l liar) { l.greet(nil); l.frame(kindUpdate, record(l.t, 3, map[int]any{3: uint64(1) << 63})) }, wire.ErrBadRequest},
		"epoch 0":          {func(l liar) { l.greet(nil); l.frame(kindUpdate, record(l.t, 3, map[int]any{2: 0})) }, wire.ErrBadRequest},
		"time too large":   {func(l liar) { l.greet(nil); l.frame(kindUpdate, record(l.t, 3, map[int]any{4: ^uint64(0)})) }, wire.ErrBadRequest},
		"no root":          {func(l liar) { l.greet(nil); l.frame(kindUpdate, record(l.t, 3, map[int]any{5: nil})) }, wire.ErrBadRequest},
		"long root":        {func(l liar) { l.greet(nil); l.frame(kindUpdate, record(l.t, 3, map[int]any{5: make([]byte, 33)})) }, wire.ErrBadRequest},
		"drops itself":     {func(l liar) { l.greet(nil); l.frame(kindUpdate, record(l.t, 3, map[int]any{7: []int{1}})) }, wire.ErrBadRequest},
		"drops in disorder": {func(l liar) {
			l.greet(nil)
			l.frame(kindUpdate, record(l.t, 3, map[int]any{3: 9, 7: []int{3, 2}}))
		}, wire.ErrBadRequest},
		"commit rubbish":  {func(l liar) { l.greet(nil); l.frame(kindCommit, []byte("rubbish")) }, wire.ErrBadRequest},
		"want rubbish":    {func(l liar) { l.greet(nil); l.write(kindWant, map[int]any{1: []any{map[int]any{2: 1}}}) }, wire.ErrBadRequest},
		"cut in a frame":  {func(l liar) { l.greet(nil); _, _ = l.rw.Write([]byte{0, 0, 1, 0, 2}); _ = l.rw.Close() }, wire.ErrShort},
		"gone before all": {func(l liar) { l.greet(nil); _ = l.rw.Close() }, io.ErrUnexpectedEOF},
		"huge update": {func(l liar) {
			l.greet(nil)
			_, _ = l.rw.Write([]byte{0, 0x10, 0, 0, kindUpdate})
		}, wire.ErrTooLarge},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m, r := newMap(t, 1)
			must(t, m.Set("mine", []byte("1")))
			err := lie(t, r, replica.StreamOptions{}, func(l liar) {
				go func() { _, _ = io.Copy(io.Discard, l.rw) }()
				test.lie(l)
			})
			if !errors.Is(err, test.want) {
				t.Errorf("Replicate: %v, want %v", err, test.want)
			}
			wantMap(t, "the replica", m, map[string]string{"mine": "1"})
			_, other := newMap(t, 2)
			replicatest.MustSync(t, r, other)
		})
	}
}

// What its own author signs and must not be is refused, and is passed on to nobody.
func TestAuthorsMayNotSignAnything(t *testing.T) {
	now := time.Now()
	later := func(d time.Duration) uint64 { return uint64(replica.At(now.Add(d))) }
	tests := map[string]struct {
		records func() [][]byte
		err     error // of the event
	}{
		"a change the model refuses": {func() [][]byte { return [][]byte{record(t, 3, map[int]any{6: []byte("rubbish")})} }, replica.ErrRefused},
		"a change too big": {func() [][]byte {
			return [][]byte{record(t, 3, map[int]any{6: encode(t, map[int]any{1: []byte("k"), 2: make([]byte, 1000)})})}
		}, wire.ErrTooBig},
		"from the future": {func() [][]byte { return [][]byte{record(t, 3, map[int]any{4: later(replica.MaxSkew + time.Minute)})} }, replica.ErrSkew},
		"one bad among good ones": {func() [][]byte {
			return [][]byte{record(t, 3, nil), record(t, 3, map[int]any{3: 2, 4: later(time.Second), 6: []byte("rubbish")})}
		}, replica.ErrRefused},
		"time runs backwards": {func() [][]byte {
			return [][]byte{record(t, 3, map[int]any{3: 1, 4: later(time.Second)}), record(t, 3, map[int]any{3: 2, 4: later(0)})}
		}, wire.ErrBadRequest},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			seen := trace{}
			m, r := newMap(t, 1, seen.into, func(cfg *replica.Config) { cfg.Limits.Change = 500 })
			must(t, lie(t, r, replica.StreamOptions{}, func(l liar) {
				go l.greet(nil)
				l.until(kindCommit)
				l.updates(nil, test.records()...)
				l.until(kindDone)
				l.frame(kindDone, nil)
			}))
			if got := seen[replica.Refused]; len(got) != 1 || !errors.Is(got[0].Err, test.err) {
				t.Errorf("refused: %+v, want %v", got, test.err)
			}
			wantMap(t, "the replica", m, map[string]string{})
			if len(r.Clock()) != 0 || len(r.History(nil)) != 0 {
				t.Errorf("something is left: %v", r.Clock())
			}
		})
	}
}

// An author whose root is wrong gets nowhere with the first honest replica: it is
// asked for all, and then left.
func TestWrongRootIsNotTaken(t *testing.T) {
	_, r := newMap(t, 1)
	bad := record(t, 3, map[int]any{5: make([]byte, 32)})
	err := lie(t, r, replica.StreamOptions{}, func(l liar) {
		go l.greet(nil)
		l.until(kindCommit)
		l.updates(nil, bad)
		l.until(kindWant)
		l.updates([]map[int]any{{1: signerID(3), 2: 7}}, bad)
	})
	if !errors.Is(err, replica.ErrOmission) || len(r.Clock()) != 0 {
		t.Errorf("Replicate: %v, clock %v", err, r.Clock())
	}
}

// A commit that says it is complete and was not asked for is an ordinary one: it takes
// nothing away.
func TestUnaskedFullSetTakesNothingAway(t *testing.T) {
	a, ra := newMap(t, 1)
	b, rb := newMap(t, 2)
	must(t, a.Set("k", []byte("1")))
	old := records(t, ra)
	must(t, a.Set("l", []byte("2")))
	replicatest.MustSync(t, ra, rb)
	must(t, lie(t, rb, replica.StreamOptions{}, func(l liar) {
		go l.greet(nil)
		l.until(kindCommit)
		l.updates([]map[int]any{{1: ra.Source().Peer, 2: ra.Source().Epoch}}, old...)
		l.until(kindDone)
		l.frame(kindDone, nil)
	}))
	wantMap(t, "b", b, map[string]string{"k": "1", "l": "2"})
}

func TestForgeriesEndTheStream(t *testing.T) {
	seen := trace{}
	_, r := newMap(t, 1, seen.into)
	err := lie(t, r, replica.StreamOptions{}, func(l liar) {
		go l.greet(nil)
		l.until(kindCommit)
		for n := range 100 {
			l.frame(kindUpdate, forge(t, replica.Source{Peer: signerID(byte(n)), Epoch: 1}, 1, time.Now()))
		}
	})
	if !errors.Is(err, wire.ErrBadSignature) || len(seen[replica.Unverified]) != 16 {
		t.Errorf("Replicate: %v after %d forgeries", err, len(seen[replica.Unverified]))
	}
}

func TestSendOnlyTakesNothing(t *testing.T) {
	m, r := newMap(t, 1)
	err := lie(t, r, replica.StreamOptions{Direction: replica.SendOnly}, func(l liar) {
		go l.greet(nil)
		l.until(kindCommit)
		l.updates(nil, record(t, 3, nil))
	})
	if !errors.Is(err, wire.ErrBadRequest) {
		t.Errorf("Replicate: %v, want ErrBadRequest", err)
	}
	wantMap(t, "the master", m, map[string]string{})
}

// Ids are free, so their number is bounded; those that are known stay welcome.
func TestSourcesAreBounded(t *testing.T) {
	seen := trace{}
	first, rf := newMap(t, 1)
	m, r := newMap(t, 2, seen.into, func(cfg *replica.Config) { cfg.Limits.Sources, cfg.Limits.Epochs = 8, 2 })
	must(t, first.Set("k", []byte("1")))
	replicatest.MustSync(t, rf, r)
	must(t, lie(t, r, replica.StreamOptions{}, func(l liar) {
		go l.greet(nil)
		l.until(kindCommit)
		var flood [][]byte
		for n := range byte(30) {
			flood = append(flood, record(t, 100+n, nil))
		}
		for epoch := range 10 {
			flood = append(flood, record(t, 90, map[int]any{2: epoch + 1}))
		}
		l.updates(nil, flood...)
		l.until(kindDone)
		l.frame(kindDone, nil)
	}))
	if c := r.Counts(); c.Sources != 8 || len(seen[replica.Refused]) != 33 || !errors.Is(seen[replica.Refused][0].Err, wire.ErrFull) {
		t.Errorf("%+v, %d refused", c, len(seen[replica.Refused]))
	}
	epochs := 0
	for source := range r.Clock() {
		if source.Peer == signerID(90) {
			epochs++
		}
	}
	if epochs > 2 {
		t.Errorf("%d epochs of one peer", epochs)
	}
	must(t, first.Set("k", []byte("2")))
	replicatest.MustSync(t, rf, r)
	if v, _ := m.Get("k"); string(v) != "2" {
		t.Errorf("a source that is known has %q", v)
	}
	if err := m.Set("own", nil); !errors.Is(err, wire.ErrFull) {
		t.Errorf("one more source, our own: %v", err)
	}
}

// Whoever brings ever new sources that nobody takes is left, before they fill
// the memory.
func TestRefusedSourcesAreBounded(t *testing.T) {
	_, r := newMap(t, 1, func(cfg *replica.Config) { cfg.Authors = func(peer.ID) bool { return false } })
	err := lie(t, r, replica.StreamOptions{}, func(l liar) {
		go l.greet(nil)
		l.until(kindCommit)
		go func() { _, _ = io.Copy(io.Discard, l.rw) }()
		for epoch := 1; ; epoch++ {
			payload := record(l.t, 90, map[int]any{2: epoch})
			if wire.WriteFrame(l.rw, kindUpdate, payload) != nil || epoch > 10_000 {
				return
			}
		}
	})
	if !errors.Is(err, wire.ErrTooBig) {
		t.Errorf("the stream ended with %v", err)
	}
}

func TestSizesAreBounded(t *testing.T) {
	limits := replica.Limits{Change: 600, SourceUpdates: 20, SourceBytes: 8000, Bytes: 10000}
	small := func(cfg *replica.Config) { cfg.Limits = limits }
	m, _ := newMap(t, 1, small)
	if err := m.Set("k", make([]byte, 600)); !errors.Is(err, wire.ErrTooBig) {
		t.Errorf("a change too big: %v", err)
	}
	var err error
	for n := 0; err == nil && n < 100; n++ {
		err = m.Set(fmt.Sprint(n), nil)
	}
	if !errors.Is(err, wire.ErrFull) || m.Len() != 20 {
		t.Errorf("%d keys, %v", m.Len(), err)
	}
	must(t, m.Set("0", []byte("what is there may change")))
	m, r := newMap(t, 2, small)
	for err = nil; err == nil; {
		err = m.Set(strings.Repeat("k", m.Len()+1), make([]byte, 500))
	}
	if c := r.Counts(); !errors.Is(err, wire.ErrFull) || c.Bytes > 8000 || c.Bytes < 6000 {
		t.Errorf("%+v, %v", c, err)
	}
	// A third source of this size does not fit.
	_, all := newMap(t, 3, small)
	replicatest.MustSync(t, r, all)
	m, other := newMap(t, 4, small)
	for err = nil; err == nil; {
		err = m.Set(strings.Repeat("l", m.Len()+1), make([]byte, 500))
	}
	replicatest.MustSync(t, other, all)
	if c := all.Counts(); c.Bytes > 10000 || c.Sources != 1 {
		t.Errorf("%+v", c)
	}
}

// What is under way and not taken in is bounded as well.
func TestStagingIsBounded(t *testing.T) {
	seen := trace{}
	_, r := newMap(t, 1, seen.into, func(cfg *replica.Config) { cfg.Limits.Bytes = 20000 })
	err := lie(t, r, replica.StreamOptions{}, func(l liar) {
		go l.greet(nil)
		l.until(kindCommit)
		for n := range 1000 {
			l.frame(kindUpdate, record(t, 3, map[int]any{3: n + 1, 4: uint64(replica.At(time.Now())) + uint64(n)}))
		}
	})
	if !errors.Is(err, wire.ErrBusy) || len(seen) != 0 {
		t.Errorf("Replicate: %v, events %v", err, seen)
	}
	// Nothing of it is left to count against others.
	a, ra := newMap(t, 2)
	must(t, a.Set("k", make([]byte, 15000)))
	replicatest.MustSync(t, ra, r)
	if c := r.Counts(); c.Updates != 1 {
		t.Errorf("%+v", c)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	_, ra := newMap(t, 1, func(cfg *replica.Config) { cfg.Limits.Streams = 2 })
	_, rb := newMap(t, 2)
	var streams []tail
	for range 2 {
		streams = append(streams, tails(t, ra, rb, replica.StreamOptions{}, replica.StreamOptions{}))
	}
	if err := ra.Replicate(t.Context(), nil, replica.StreamOptions{}); !errors.Is(err, wire.ErrBusy) {
		t.Errorf("a third: %v", err)
	}
	for _, stream := range streams {
		stream.end()
	}
}

func TestOneStreamIsUsedOnce(t *testing.T) {
	_, ra := newMap(t, 1)
	ours, theirs := net.Pipe()
	met, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- ra.Replicate(t.Context(), ours, replica.StreamOptions{OnHeader: func(replica.Header) { close(met) }})
	}()
	go liar{t, theirs}.greet(nil)
	_, _, err := wire.ReadFrame(theirs, 1<<20)
	must(t, err)
	<-met
	if err := ra.Replicate(t.Context(), ours, replica.StreamOptions{}); !errors.Is(err, replica.ErrInUse) {
		t.Errorf("a second use: %v", err)
	}
	must(t, theirs.Close())
	<-done
	if err := ra.Replicate(t.Context(), ours, replica.StreamOptions{}); err == nil {
		t.Error("a stream that has ended is used again")
	}
}

// A peer that says nothing, reads nothing or stops half way is left.
func TestSilentPeersAreLeft(t *testing.T) {
	tests := map[string]func(l liar){
		"says nothing":     func(l liar) { l.until(kindHeader) },
		"reads nothing":    func(l liar) { l.greet(nil) },
		"never commits":    func(l liar) { go l.greet(nil); l.until(kindCommit) },
		"is never done":    func(l liar) { go l.greet(nil); l.until(kindCommit); l.updates(nil); l.until(kindDone) },
		"stops in a frame": func(l liar) { go l.greet(nil); l.until(kindCommit); _, _ = l.rw.Write([]byte{0, 0, 1}) },
		"answers no question": func(l liar) {
			go l.greet(nil)
			l.until(kindCommit)
			l.updates(nil, record(l.t, 3, map[int]any{5: make([]byte, 32)}))
			l.until(kindWant)
		},
	}
	for name, silent := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, r := newMap(t, 1)
				for n := range 100 {
					must(t, m.Set(fmt.Sprint(n), make([]byte, 1000)))
				}
				ours, theirs := net.Pipe()
				done := make(chan error, 1)
				began := time.Now()
				go func() { done <- r.Replicate(t.Context(), ours, replica.StreamOptions{Timeout: 10 * time.Second}) }()
				silent(liar{t, theirs})
				if err := <-done; !errors.Is(err, wire.ErrTimeout) {
					t.Errorf("Replicate: %v", err)
				}
				if took := time.Since(began); took != 10*time.Second {
					t.Errorf("after %v, want the timeout", took)
				}
				must(t, theirs.Close())
			})
		})
	}
}

// A tail may be silent for as long as there is nothing to say; an end is an end.
func TestTailsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, ra := newMap(t, 1)
		b, rb := newMap(t, 2)
		stream := tails(t, ra, rb, replica.StreamOptions{}, replica.StreamOptions{})
		time.Sleep(24 * time.Hour)
		must(t, a.Set("k", []byte("v")))
		synctest.Wait()
		wantMap(t, "b", b, map[string]string{"k": "v"})
		stream.end()
	})
}

// A slow stream holds up nobody and costs no memory: it skips what was superseded.
func TestSlowStreamsSkip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMap(t, 1)
		ours, theirs := net.Pipe()
		done := make(chan error, 1)
		go func() { done <- r.Replicate(t.Context(), ours, replica.StreamOptions{Tail: true}) }()
		l := liar{t, theirs}
		go l.greet(map[int]any{6: true})
		l.until(kindCommit)
		l.updates(nil)
		for n := range 1000 {
			must(t, m.Set("k", []byte(fmt.Sprint(n))))
		}
		var last []byte
		updates := 0
		for !bytes.Contains(last, []byte("999")) {
			last = l.until(kindUpdate)
			updates++
		}
		if updates > 10 {
			t.Errorf("%d updates were sent, of 1000 of which one counts", updates)
		}
		must(t, theirs.Close())
		<-done
	})
}

// One whose peer is a stranger to everybody can say what it likes about who it is.
func TestUnknownFieldsAndFramesAreSkipped(t *testing.T) {
	a, ra := newMap(t, 1)
	must(t, a.Set("k", nil))
	must(t, lie(t, ra, replica.StreamOptions{}, func(l liar) {
		go l.greet(map[int]any{60: "later", 4: peer.ID(signerID(1))})
		l.until(kindCommit)
		l.frame(200, []byte("of a later version"))
		l.write(kindCommit, map[int]any{60: 1})
		l.until(kindDone)
		l.frame(kindDone, nil)
	}))
}
