package exec

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	BeChild()
	goleak.VerifyTestMain(m)
	os.Exit(m.Run())
}
