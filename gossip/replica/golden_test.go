package replica

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/batchain/batchain/wire"
)

// golden reads testdata/v1/NAME.hex: hexadecimal bytes, spaces and lines as the
// writer liked, comments after "#". These files never change: what version 1 wrote
// must be read for ever.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "v1", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	data, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return data
}

func wantGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	if want := golden(t, name); !bytes.Equal(got, want) {
		t.Errorf("%s is written as\n%x, version 1 is\n%x", name, got, want)
	}
}

// fixed returns a replica of which every byte is known: key, epoch and clock are.
func fixed(t testing.TB, model Model) *Replica {
	t.Helper()
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := KeySigner(key)
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1_800_000_000_000)
	r, err := New(model, Config{Doc: "doc", Mesh: "main", Signer: signer, Now: func() time.Time {
		now = now.Add(time.Second)
		return now
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.self.Epoch = 0x0123456789abcdef
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// sample is a map that two keys were written to, one of them twice.
func sample(t testing.TB) (*Map, *Replica) {
	t.Helper()
	m := NewMap(MapOptions{})
	r := fixed(t, m)
	for _, err := range []error{m.Set("a", []byte("1")), m.Set("b\xff", []byte("2")), m.Set("a", []byte("3")), m.Delete("b\xff")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return m, r
}

func TestGoldenUpdate(t *testing.T) {
	_, r := sample(t)
	u := r.History(nil)[0]
	data, err := wire.Marshal(u.record)
	if err != nil {
		t.Fatal(err)
	}
	wantGolden(t, "update", data)
	read, err := parseUpdate(golden(t, "update"))
	if err != nil || r.verify(t.Context(), read) != nil {
		t.Fatalf("%v, %v", err, r.verify(t.Context(), read))
	}
	if read.Source != r.self || read.Seq != 3 || read.Time.Time().UnixMilli() != 1_800_000_003_000 || len(read.Drops) != 1 || read.Drops[0] != 1 {
		t.Errorf("read back as %+v", read)
	}
}

func TestGoldenFile(t *testing.T) {
	_, r := sample(t)
	var saved bytes.Buffer
	if err := r.Save(&saved); err != nil {
		t.Fatal(err)
	}
	wantGolden(t, "file", saved.Bytes())
	m := NewMap(MapOptions{})
	back := fixed(t, m)
	if err := back.Load(t.Context(), bytes.NewReader(golden(t, "file"))); err != nil {
		t.Fatal(err)
	}
	if v, ok := m.Get("a"); !ok || string(v) != "3" || m.Len() != 1 {
		t.Errorf("a is %q, %d keys", v, m.Len())
	}
}

// tape is a stream of which everything that is written is kept, and read is what the
// test put in, once something was written, and after it nothing until it is closed.
type tape struct {
	in     *bytes.Reader
	out    bytes.Buffer
	first  sync.Once
	spoken chan struct{}
	closed chan struct{}
}

func newTape(in []byte) *tape {
	return &tape{in: bytes.NewReader(in), spoken: make(chan struct{}), closed: make(chan struct{})}
}

func (t *tape) Read(p []byte) (int, error) {
	select {
	case <-t.spoken:
	case <-t.closed:
	}
	if t.in.Len() == 0 {
		<-t.closed
	}
	return t.in.Read(p)
}

func (t *tape) Write(p []byte) (int, error) {
	defer t.first.Do(func() { close(t.spoken) })
	return t.out.Write(p)
}

func (t *tape) Close() error {
	close(t.closed)
	return nil
}

// A recorded stream of version 1 is answered as it was then, and read.
func TestGoldenStream(t *testing.T) {
	_, r := sample(t)
	m := NewMap(MapOptions{})
	empty := fixed(t, m)
	empty.self.Epoch = 2
	speaks := newTape(golden(t, "stream-empty"))
	if err := r.Replicate(t.Context(), speaks, StreamOptions{Meta: []byte("meta")}); err != nil {
		t.Fatal(err)
	}
	wantGolden(t, "stream", speaks.out.Bytes())
	listens := newTape(golden(t, "stream"))
	if err := empty.Replicate(t.Context(), listens, StreamOptions{}); err != nil {
		t.Fatal(err)
	}
	wantGolden(t, "stream-empty", listens.out.Bytes())
	if v, ok := m.Get("a"); !ok || string(v) != "3" {
		t.Errorf("a is %q", v)
	}
}

// What models make of changes is signed, so it may never change either.
func TestGoldenChanges(t *testing.T) {
	set := NewSet()
	r := fixed(t, set)
	log, value := NewEventLog(0), NewValue(1, CBOR[string]())
	bucket := NewBucket(func(string) Model { return NewMap(MapOptions{}) })
	rl, rv, rb := fixed(t, log), fixed(t, value), fixed(t, bucket)
	for _, err := range []error{
		set.Add("x"), set.Remove("x"), log.Emit("topic", []byte("data")), value.Set("v"), bucket.Doc("inner").(*Map).Set("k", []byte("v")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	wantGolden(t, "set-remove", r.History(nil)[0].Change)
	wantGolden(t, "event", rl.History(nil)[0].Change)
	wantGolden(t, "value", rv.History(nil)[0].Change)
	wantGolden(t, "bucket", rb.History(nil)[0].Change)
	if err := set.Add("x"); err != nil {
		t.Fatal(err)
	}
	wantGolden(t, "set-add", r.History(Clock{r.self: 2})[0].Change)
}
