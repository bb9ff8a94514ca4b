package dispatch

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

var update = flag.Bool("update", false, "write testdata anew")

// messages is one of each, with every field set.
func messages() []struct {
	name    string
	kind    byte
	message any
} {
	token := work.Token{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	challenge := work.Challenge{Strength: 20, Expires: 1_700_000_120_000, Salt: [32]byte{1, 2, 3}}
	program := work.Program{
		Kind: work.WASM, Name: "pi", Module: make([]byte, 32), Args: []string{"-n", "3"},
		Limits: work.Limits{Fuel: 1e9, Memory: 64 << 20, Output: 1000, Wall: time.Minute},
	}
	hello := helloMessage{Owner: make([]byte, 32), Claim: &wire.Signed{Body: []byte{0xa0}, Sig: make([]byte, 64)}}
	return []struct {
		name    string
		kind    byte
		message any
	}{
		{"HELLO", opHello, hello},
		{"PROVE", opProve, proveMessage{work.Proof{Challenge: challenge, Nonce: 77}, hello}},
		{"REQUEST", opRequest, work.Wish{
			Slots: 4, Kinds: []work.Kind{work.WASM, work.Inline}, Names: []string{"f"}, Wait: 20 * time.Second, Resume: true,
		}},
		{"REQUEST-BOUNDED", opRequest, work.Wish{
			Slots: 4, Kinds: []work.Kind{work.Native}, Memory: 1 << 28, Wall: time.Minute, Parallel: 2,
		}},
		{"SUBMIT", opSubmit, submitMessage{[]work.Result{
			{Token: token, Status: work.Done, Output: []byte("42"), Fuel: 1234},
			{Token: token, Status: work.Broken, Text: "unreachable"},
		}}},
		{"BEAT", opBeat, beatMessage{[]work.Beat{{Token: token, Progress: 500}}}},
		{"MODULE", opModule, moduleMessage{make([]byte, 32)}},
		{"WELCOME", ansWelcome, welcomeMessage{1_700_000_000_000, &challenge}},
		{"WORK", ansWork, work.Batch{
			Programs: []work.Program{program}, Retry: 5 * time.Second,
			Tasks: []work.Task{{Token: token, Program: 0, Input: []byte("7"), Lease: time.Minute, Limit: time.Hour}},
		}},
		{"VERDICTS", ansVerdicts, verdictsMessage{[]wire.Code{0, work.Code(work.ErrLate)}}},
		{"ORDERS", ansOrders, ordersMessage{[]work.Order{work.GoOn, work.Stop, work.Pause}}},
		{"BYTES", ansModule, bytesMessage{1 << 20}},
	}
}

// The bytes of every message are those of the first version.
func TestGoldenMessages(t *testing.T) {
	var b strings.Builder
	for _, m := range messages() {
		payload, err := wire.Marshal(m.message)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s\n", m.name, hex.EncodeToString(wire.AppendFrame(nil, m.kind, payload)))
	}
	name := filepath.Join("testdata", "messages.txt")
	if *update {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the messages changed:\n%s", b.String())
	}
}

// blank returns an empty message of each kind.
func blank(kind byte) any {
	return map[byte]any{
		opHello: &helloMessage{}, opProve: &proveMessage{}, opRequest: &work.Wish{}, opSubmit: &submitMessage{},
		opBeat: &beatMessage{}, opModule: &moduleMessage{}, ansWelcome: &welcomeMessage{}, ansWork: &work.Batch{},
		ansVerdicts: &verdictsMessage{}, ansOrders: &ordersMessage{}, ansModule: &bytesMessage{},
	}[kind]
}

// What decodes, encodes to something that decodes to the same.
func FuzzParseMessage(f *testing.F) {
	for _, m := range messages() {
		payload, err := wire.Marshal(m.message)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(m.kind, payload)
	}
	f.Fuzz(func(t *testing.T, kind byte, payload []byte) {
		m := blank(kind)
		if m == nil || wire.Unmarshal(payload, m) != nil {
			return
		}
		if hello, ok := m.(*helloMessage); ok {
			_, _ = hello.owner("main", "bee")
		}
		first, err := wire.Marshal(m)
		if err != nil {
			t.Fatalf("it decoded to %+v, which does not encode: %v", m, err)
		}
		again := blank(kind)
		if err := wire.Unmarshal(first, again); err != nil {
			t.Fatalf("%x does not decode: %v", first, err)
		}
		second, err := wire.Marshal(again)
		if err != nil || string(first) != string(second) {
			t.Fatalf("%x became %x, %v", first, second, err)
		}
	})
}
