package transfer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// sealed is a segment as it was journalled and as a host got it.
type sealed struct {
	number uint32
	nonce  shard.Nonce
	body   string
}

// TestNoNonceSealsTwoPlaintexts puts a file that is edited between tries that
// are cut short, and looks at every byte that the hosts ever got. With one data
// shard that is the sealed segment itself.
func TestNoNonceSealsTwoPlaintexts(t *testing.T) {
	scheme := shard.Scheme{Data: 1, Parity: 1}
	b := newBed(t, 2)
	b.cut(scheme, 64<<10)
	bodies := 0
	rapid.Check(t, func(t *rapid.T) {
		content := noise(rapid.IntRange(70<<10, 300<<10).Draw(t, "size"))
		path, _ := b.file("f", 0)
		seen := map[sealed]bool{}
		kept := map[shard.ID]bool{}
		for _, k := range b.hosts {
			for _, id := range k.store.IDs() {
				kept[id] = true // of an earlier file
			}
		}
		for done := false; !done; {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			last := len(seen) > 12
			after := rapid.IntRange(1, 6).Draw(t, "cut after")
			if last {
				after = -1
			}
			var records map[shard.FileID][]sealing
			records, done = b.watch(t, path, scheme, after)
			b.match(t, records, kept, seen)
			edit(t, &content)
			b.restart()
		}
		by := map[shard.Nonce]string{}
		for s := range seen {
			if other, used := by[s.nonce]; used && other != s.body {
				t.Fatalf("segment %d: nonce %x sealed two plaintexts", s.number, s.nonce)
			}
			by[s.nonce] = s.body
		}
		bodies += len(seen)
	})
	if bodies == 0 {
		t.Error("no host got anything")
	}
}

// watch puts, and returns the journal's records of sealing, or, when the put
// came to its end, the manifest's.
func (b *bed) watch(t *rapid.T, path string, scheme shard.Scheme, after int) (records map[shard.FileID][]sealing, done bool) {
	records = map[shard.FileID][]sealing{}
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	r, err := b.engine.Put(ctx, Source{Path: path}, PutOptions{Scheme: scheme}, func(p Progress) {
		if after--; p.Phase == "put" && after == 0 {
			cancel()
		}
	})
	if err == nil {
		m := b.open(r.Manifest)
		for s, err := range m.Segments() {
			if err != nil {
				t.Fatal(err)
			}
			last := int(s.Number) == m.Count-1
			records[r.File] = append(records[r.File], sealing{Number: s.Number, Sealed: s.Sealed, Last: last, Nonce: s.Nonce})
		}
		return records, true
	}
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	data, err := os.ReadFile(b.journals()[0])
	if err != nil {
		t.Fatal(err)
	}
	var began start
	for in := bufio.NewReader(bytes.NewReader(data)); ; {
		kind, body, err := readRecord(in)
		if errors.Is(err, io.EOF) {
			return records, false
		}
		var s sealing
		switch {
		case err == nil && kind == recordStart:
			err = wire.Unmarshal(body, &began)
		case err == nil && kind == recordSegment:
			err = wire.Unmarshal(body, &s)
			records[began.File] = append(records[began.File], s)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// match finds for every new body at a host the one record that opens it.
func (b *bed) match(t *rapid.T, records map[shard.FileID][]sealing, kept map[shard.ID]bool, seen map[sealed]bool) {
	for _, k := range b.hosts {
		for _, id := range k.store.IDs() {
			if kept[id] {
				continue
			}
			kept[id] = true
			in, length, err := k.store.Open(id)
			if err != nil {
				t.Fatal(err)
			}
			body := make([]byte, length)
			if _, err := io.ReadFull(in, body); err != nil {
				t.Fatal(err)
			}
			found := 0
			for file, all := range records {
				sealer := shard.NewSealer(b.seed.FileKey(file), file)
				for _, s := range all {
					if s.Sealed > len(body) {
						continue
					}
					if _, err := sealer.Open(bytes.Clone(body[:s.Sealed]), s.Number, s.Last, s.Nonce); err == nil {
						seen[sealed{s.Number, s.Nonce, string(body[:s.Sealed])}] = true
						found++
					}
				}
			}
			if found != 1 {
				t.Fatalf("a body at a host is opened by %d seals on record", found)
			}
		}
	}
}

// edit changes a byte, the end, or nothing.
func edit(t *rapid.T, content *[]byte) {
	c := *content
	switch rapid.IntRange(0, 3).Draw(t, "edit") {
	case 0:
		c[rapid.IntRange(0, len(c)-1).Draw(t, "at")] ^= 1
	case 1:
		*content = append(c, noise(rapid.IntRange(1, 70<<10).Draw(t, "more"))...)
	case 2:
		*content = c[:max(70<<10, len(c)-rapid.IntRange(1, 70<<10).Draw(t, "less"))]
	}
}
