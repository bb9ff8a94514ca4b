package exec

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden lines anew")

var nine = uint64(9)

// lines is one line of every type, with all that it may have.
var lines = []message{
	{Type: typeHello, Proto: 1, Context: []byte(`{"a":[1,2]}`)},
	{Type: typeWork, ID: 1, Seq: new(uint64), Input: []byte(`"<&>"`), Files: map[string]string{"a": "/in/a"}},
	{Type: typePing, ID: 2},
	{Type: typeStop},
	{Type: typeReady, Proto: 1},
	{Type: typeResult, ID: 1, Data: []byte(`null`)},
	{Type: typeError, ID: 1, Code: "input", Message: "no", Retry: true},
	{Type: typeProgress, ID: 1, Percent: 12.5, Short: "half"},
	{Type: typeLog, Message: "hello"},
	{Type: typePong, ID: 2},
	{Type: typeSave, ID: 1, Data: []byte(`[7]`)},
	{Type: typeWork, ID: 1, Seq: &nine, Input: []byte(`0`), Saved: []byte(`[7]`)},
	{Type: typeNext, ID: 3, Seq: &nine},
	{Type: typeUnit, ID: 3, Input: []byte(`0`)},
	{Type: typeNone, ID: 3, Again: 1.5},
	{Type: typeValidate, ID: 4, Input: []byte(`0`), Results: []json.RawMessage{[]byte(`1`), []byte(`[2]`)}},
	{Type: typeVerdict, ID: 4, Valid: true, Data: []byte(`1`)},
	{Type: typeChunk, ID: 5, Seq: &nine, Data: []byte(`1`)},
	{Type: typeChunk, ID: 6, Seq: &nine, Code: "failed", Message: "why"},
	{Type: typeOK, ID: 5},
}

// Workers of others rest on these lines: they only ever get more.
func TestLinesAreAsTheyWere(t *testing.T) {
	const golden = "testdata/lines.golden"
	var got []byte
	for _, m := range lines {
		var err error
		if got, err = appendMessage(got, m); err != nil {
			t.Fatal(err)
		}
	}
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %s, %v", got, err)
	}
	for n, text := range bytes.Split(bytes.TrimSpace(want), []byte("\n")) {
		if m, err := parseMessage(text); err != nil || !reflect.DeepEqual(m, lines[n]) {
			t.Errorf("%s is read as %+v, %v", text, m, err)
		}
	}
}

func TestNoLines(t *testing.T) {
	for _, text := range []string{
		"", "la la la", "[]", "7", "null", "{}", `{"type":""}`, `{"type":7}`, `{"type":"log"`, `{"type":"log"} {}`,
		"{\"type\":\"log\",\"message\":\"\xff\"}", `{"type":"result","id":1}`, `{"type":"result","id":-1,"data":1}`,
		`{"type":"progress","p":101}`, `{"type":"progress","p":-1}`, `{"type":"none","again":-1}`, `{"type":"unit","id":1}`,
		`{"type":"verdict","valid":true}`, `{"type":"log","message":"` + strings.Repeat(`[`, 20000) + `}`,
	} {
		if m, err := parseMessage([]byte(text)); !errors.Is(err, errLine) {
			t.Errorf("%.50q is read as %+v, %v", text, m, err)
		}
	}
}

func TestLineReader(t *testing.T) {
	long := strings.Repeat("x", MaxLine-1)
	r := newLineReader(strings.NewReader("a\n\n" + long + "\nhalf"))
	for _, want := range []string{"a", "", long} {
		if line, err := r.next(); err != nil || string(line) != want {
			t.Fatalf("%.20q, %v", line, err)
		}
	}
	if line, err := r.next(); err == nil {
		t.Errorf("half a line is one: %q", line)
	}
	if _, err := newLineReader(strings.NewReader(long + "x\n")).next(); !errors.Is(err, errLong) {
		t.Error(err)
	}
}

func TestCleanTexts(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                        "plain",
		"first\nsecond":                "first",
		"\x1b[31mred\x00":              "[31mred",
		"\xffä":                        "ä",
		strings.Repeat("ä", MaxText):   strings.Repeat("ä", MaxText/2),
		"x" + strings.Repeat("ä", 200): "x" + strings.Repeat("ä", (MaxText-1)/2),
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%.20q) = %q", in, got)
		}
	}
}

// Whoever writes a program reads the document: it has every type of line, and every key
// of a line that strangers may see.
func TestDocumentHasEveryLine(t *testing.T) {
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range lines {
		line, err := appendMessage(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		var keys map[string]json.RawMessage
		if err := json.Unmarshal(line, &keys); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte(`"type":"`+m.Type+`"`)) {
			t.Errorf("no line of type %s", m.Type)
		}
		for key := range keys {
			if !bytes.Contains(text, []byte(`"`+key+`":`)) {
				t.Errorf("no key %s", key)
			}
		}
	}
}

// FuzzMessage: a line that is read can be written and read again, and is the
// same then.
func FuzzMessage(f *testing.F) {
	for _, m := range lines {
		line, err := appendMessage(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseMessage(text)
		if err != nil {
			return
		}
		line, err := appendMessage(nil, m)
		if err != nil {
			return // it grew too long
		}
		again, err := parseMessage(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil || bytes.ContainsRune(line[:len(line)-1], '\n') {
			t.Fatalf("%q becomes %q: %v", text, line, err)
		}
		twice, err := appendMessage(nil, again)
		if err != nil || !bytes.Equal(line, twice) {
			t.Fatalf("%q becomes %q and then %q, %v", text, line, twice, err)
		}
	})
}
