package demo

import (
	"os"
	"testing"

	"github.com/batchain/batchain/work/exec"
)

func TestMain(m *testing.M) {
	exec.BeChild()
	os.Exit(m.Run())
}
