package exec

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	BeChild()
	if len(os.Args) > 2 && os.Args[1] == hostileWord {
		hostile(os.Args[2])
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
	os.Exit(m.Run())
}
