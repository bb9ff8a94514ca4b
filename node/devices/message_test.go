package devices

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// What version 1 writes, for ever. "go test -run Golden -update" writes the files
// anew; do that for a new version, in a new folder, never for this one.
const goldenDir = "testdata/v1"

var update = flag.Bool("update", false, "write the golden files anew")

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func encoded(t testing.TB, v any) []byte {
	t.Helper()
	data, err := wire.Marshal(v)
	must(t, err)
	return data
}

// samples are values of every format, by name.
func samples(t testing.TB) map[string][]byte {
	nonce, other := bytes.Repeat([]byte{7}, nonceSize), bytes.Repeat([]byte{8}, nonceSize)
	p := pair{ours, "test", anna, bert}
	s := signer{ours, anna}
	sig, err := s.Sign([]byte("batchain/replica/…"))
	must(t, err)
	return map[string][]byte{
		"hello":       encoded(t, helloMessage{nonce}),
		"answer":      encoded(t, answerMessage{other, p.proof(sideAnswerer, 0, nonce, other)}),
		"proof":       encoded(t, proofMessage{purposeAsk, p.proof(sideOpener, purposeAsk, nonce, other)}),
		"ask":         encoded(t, askMessage{[]shard.FileID{{1}, {2}}, true}),
		"file":        encoded(t, fileMessage{State: stateHere, Added: 1_800_000_000, Of: shard.FileID{9}, Length: 77}),
		"file-gone":   encoded(t, fileMessage{State: stateGone}),
		"mark":        ours.mac(forMark, marked{anna, nonce[:markNonce]}),
		"name":        []byte(ours.name()),
		"update-code": sig,
	}
}

func TestGoldenBytes(t *testing.T) {
	for name, got := range samples(t) {
		path := filepath.Join(goldenDir, name+".hex")
		if *update {
			must(t, os.MkdirAll(goldenDir, 0o755))
			must(t, os.WriteFile(path, []byte(hex.EncodeToString(got)+"\n"), 0o644))
		}
		text, err := os.ReadFile(path)
		must(t, err)
		want, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is written as %x, it was %x (%v)", name, got, want, err)
		}
	}
}

func TestMessagesAreBounded(t *testing.T) {
	full := make([]byte, nonceSize)
	for name, parse := range map[string]func() error{
		"a short nonce":         func() error { _, err := parseHello(encoded(t, helloMessage{full[1:]})); return err },
		"an answer without one": func() error { _, err := parseAnswer(encoded(t, answerMessage{nil, full})); return err },
		"a long proof":          func() error { _, err := parseProof(encoded(t, proofMessage{1, append(full, 0)})); return err },
		"a question about none": func() error { _, err := parseAsk(encoded(t, askMessage{})); return err },
		"one about many": func() error {
			_, err := parseAsk(encoded(t, askMessage{Files: make([]shard.FileID, maxAsked+1)}))
			return err
		},
		"a negative length": func() error { _, err := parseFile(encoded(t, fileMessage{State: stateHere, Length: -1})); return err },
		"a manifest too large": func() error {
			_, err := parseFile(encoded(t, fileMessage{State: stateHere, Length: maxManifest + 1}))
			return err
		},
		"a manifest of the gone": func() error { _, err := parseFile(encoded(t, fileMessage{State: stateGone, Length: 1})); return err },
	} {
		if parse() == nil {
			t.Errorf("%s is taken", name)
		}
	}
	most := encoded(t, askMessage{Files: make([]shard.FileID, maxAsked), Manifests: true})
	if len(most) > maxAsk {
		t.Errorf("the longest question has %d bytes, and %d are read", len(most), maxAsk)
	}
}

// stable fails unless what was parsed is written so that it parses to the same.
func stable[T any](t *testing.T, data []byte, parse func([]byte) (T, error)) {
	t.Helper()
	m, err := parse(data)
	if err != nil {
		return
	}
	same, err := parse(encoded(t, m))
	if err != nil || !reflect.DeepEqual(m, same) {
		t.Fatalf("%+v, then %+v, %v", m, same, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, data := range samples(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		stable(t, data, parseHello)
		stable(t, data, parseAnswer)
		stable(t, data, parseProof)
		stable(t, data, parseAsk)
		stable(t, data, parseFile)
	})
}
