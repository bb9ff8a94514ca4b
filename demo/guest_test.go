package demo

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/batchain/batchain/work/guesttest"
)

var update = flag.Bool("update", false, "write the modules anew")

// The modules are what their source says, byte for byte.
func TestGuestsAreBuiltFromSource(t *testing.T) {
	for name, module := range map[string][]byte{"pi.wasm": guesttest.Leibniz(), "mandelbrot.wasm": guesttest.Mandelbrot()} {
		path := filepath.Join("guest", name)
		if *update {
			if err := os.WriteFile(path, module, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		committed, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(committed, module) {
			t.Errorf("%s is not what package guesttest makes (%v); go test ./demo -run Guests -update", name, err)
		}
	}
	if guesttest.Terms != piTerms || guesttest.Scale != piScale || guesttest.Width != pictureWidth || guesttest.Height != pictureHeight {
		t.Error("the demo takes the results for something else than the modules make")
	}
}
