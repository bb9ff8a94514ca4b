package hive

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/batchain/batchain/wire"
)

func TestModules(t *testing.T) {
	h, _ := start(t, t.TempDir(), nil)
	module := bytes.Repeat([]byte("module"), 1000)
	hash, err := h.Modules().Put(module)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := h.Modules().Put(module); err != nil || again != hash {
		t.Errorf("once more: %x, %v", again, err)
	}
	r, length, err := h.Modules().Open(hash)
	if err != nil || length != int64(len(module)) {
		t.Fatal(length, err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, module) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, _, err := h.Modules().Open([32]byte{}); !errors.Is(err, wire.ErrNotFound) {
		t.Errorf("a module that is not there: %v", err)
	}
	if _, err := h.Modules().Put(make([]byte, maxModule+1)); !errors.Is(err, wire.ErrTooBig) {
		t.Errorf("a module that is too large: %v", err)
	}
}
