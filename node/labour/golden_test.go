package labour

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/batchain/batchain/work"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The files that outlive a version are read as they were written.
func TestFormats(t *testing.T) {
	hash := bytes.Repeat([]byte{7}, 32)
	for name, v := range map[string]any{
		"project.json": &spec{
			Version: 1, Total: 12, Publish: true,
			Feed: feedSpec{Kind: feedRange, Priority: 1, From: 2, Count: 3, Step: 4, Sum: hash, Argv: []string{"a", "b"}, Dir: "/d"},
			Project: work.Project{
				Name: "n", Weight: 5, Lease: time.Second, Deadline: time.Hour,
				Program: work.Program{
					Kind: work.WASM, Name: "m.wasm", Module: hash, Context: []byte("{}"), Limits: work.Limits{Fuel: 1, Memory: 2, Output: 3, Wall: 4},
					Files: []work.File{{Name: "f", Hash: hash, Mesh: true, Size: 9}},
				},
				Policy: work.Policy{
					Rule: work.Quorum, GroupMax: 1, Quorum: 2, Absolute: 3, Relative: 4, Attempts: 5, Errors: 6, Networks: 7, Own: true,
					Threshold: 0.5, Faulty: 0.25, Checks: -1, Loose: true,
				},
			},
		},
		"volunteer.json": &Wish{
			Version: 1, On: true, Hives: []string{"12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"}, Slots: 2,
			Native: []Native{{Name: "sum", Argv: []string{"/usr/bin/sum", "-r"}}},
		},
	} {
		path := filepath.Join("testdata", name)
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(bytes.TrimSpace(golden), text) {
			t.Errorf("%s is not what is written now (%v):\n%s", path, err, text)
			continue
		}
		back := reflect.New(reflect.TypeOf(v).Elem()).Interface()
		if err := json.Unmarshal(golden, back); err != nil || !reflect.DeepEqual(back, v) {
			t.Errorf("%s is read as %+v, %v", path, back, err)
		}
	}
}
