package journal

import (
	"bytes"
	"errors"
	"testing"
)

func TestReadsWhatWasWritten(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	w.Write(Event{Kind: Step, Step: 3})
	w.Write(Event{Kind: Value, Node: 1, Peer: 2, Key: "status", Value: "17.xxxx"})
	w.WriteCost()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole := out.Bytes()
	events, err := Read(bytes.NewReader(whole))
	if err != nil || len(events) != 4 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	if e := events[1]; e.Kind != Value || e.Node != 1 || e.Peer != 2 || e.Value != "17." {
		t.Errorf("the value came back as %+v", e)
	}
	if e := events[2]; e.CPU <= 0 || e.RSS < 1<<20 {
		t.Errorf("this process cost %v s and %d bytes", e.CPU, e.RSS)
	}
	events, err = Read(bytes.NewReader(whole[:len(whole)-12]))
	if !errors.Is(err, ErrCutShort) || len(events) != 3 {
		t.Errorf("cut short: %d events, %v", len(events), err)
	}
}

// What worlds in other languages write must stay readable.
func TestReadsTheDrawing(t *testing.T) {
	drawing := `{"t":1500,"e":"step","i":3}
{"t":1500,"e":"live","n":1,"s":2}
{"t":1500,"e":"count","n":1,"bytes":9,"messages":3,"dials":1,"known":80}
{"t":1500.25,"e":"end"}
`
	events, err := Read(bytes.NewReader([]byte(drawing)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := events[2], (Event{At: 1500, Kind: Count, Node: 1, Bytes: 9, Messages: 3, Dials: 1, Known: 80}); got != want {
		t.Errorf("read %+v", got)
	}
}
