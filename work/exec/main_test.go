package exec

import (
	"context"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// bg is for what the test binary does as another program.
var bg = context.Background()

func TestMain(m *testing.M) {
	BeChild()
	if len(os.Args) > 2 && os.Args[1] == hostileWord {
		hostile(os.Args[2])
		os.Exit(0)
	}
	if len(os.Args) == 3 && become(os.Args[1], os.Args[2]) {
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
	os.Exit(m.Run())
}
