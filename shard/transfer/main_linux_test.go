package transfer

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the tests, or, in a process that a test started, the part that
// the test gave it.
func TestMain(m *testing.M) {
	if part := os.Getenv(childPart); part != "" {
		os.Exit(child(part))
	}
	_ = flag.Set("rapid.checks", "60") // each is many real puts
	_ = flag.Set("rapid.nofailfile", "true")
	goleak.VerifyTestMain(m,
		// libp2p's own, which outlive a closed host for a moment or for good.
		goleak.IgnoreTopFunction("github.com/ipfs/go-log/writer.(*MirrorWriter).logRoutine"),
		goleak.IgnoreAnyFunction("github.com/libp2p/go-libp2p/p2p/net/swarm.(*Swarm).Close.func1"),
	)
}
