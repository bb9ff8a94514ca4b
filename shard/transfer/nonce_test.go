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
	file   shard.FileID
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
	var seals []seal // all that were ever on record
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
			var now []seal
			now, done = b.watch(t, path, scheme, after)
			seals = append(seals, now...)
			b.match(t, seals, kept, seen)
			edit(t, &content)
			b.restart()
		}
		type key struct {
			file  shard.FileID // which the key is made from
			nonce shard.Nonce
		}
		by := map[key]string{}
		for s := range seen {
			k := key{s.file, s.nonce}
			if other, used := by[k]; used && other != s.body {
				t.Fatalf("segment %d: nonce %x sealed two plaintexts", s.number, s.nonce)
			}
			by[k] = s.body
		}
		bodies += len(seen)
	})
	if bodies == 0 {
		t.Error("no host got anything")
	}
}

// seal is a record of sealing and the file it is of.
type seal struct {
	file shard.FileID
	sealing
}

// watch puts, and returns the journal's records of sealing, or, when the put
// came to its end, the manifest's.
func (b *bed) watch(t *rapid.T, path string, scheme shard.Scheme, after int) (records []seal, done bool) {
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
			records = append(records, seal{r.File, sealing{Number: s.Number, Sealed: s.Sealed, Last: last, Nonce: s.Nonce}})
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
			records = append(records, seal{began.File, s})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// match finds for every new body at a host the record that opens it. A host may
// be done with one only after the try in which it was sent.
func (b *bed) match(t *rapid.T, seals []seal, kept map[shard.ID]bool, seen map[sealed]bool) {
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
			at := len(seals) - 1
			for ; at >= 0 && !b.opens(seals[at], body); at-- {
			}
			if at < 0 {
				t.Fatal("no seal on record opens a body at a host")
			}
			seen[sealed{seals[at].file, seals[at].Number, seals[at].Nonce, string(body[:seals[at].Sealed])}] = true
		}
	}
}

func (b *bed) opens(s seal, body []byte) bool {
	if s.Sealed > len(body) {
		return false
	}
	sealer := shard.NewSealer(b.seed.FileKey(s.file), s.file)
	_, err := sealer.Open(bytes.Clone(body[:s.Sealed]), s.Number, s.Last, s.Nonce)
	return err == nil
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
