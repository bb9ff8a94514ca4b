package node_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/work/exec"
)

// holdHome makes this test binary a node on the home that it names, until it
// is killed: a second process for tests that need one.
const holdHome = "BATCHAIN_TEST_HOLD_HOME"

func TestMain(m *testing.M) {
	exec.BeChild()
	if home := os.Getenv(holdHome); home != "" {
		os.Exit(hold(home))
	}
	goleak.VerifyTestMain(m)
}

func hold(home string) int {
	n, err := node.New(context.Background(), loopback(home))
	if err == nil {
		err = n.Run(context.Background(), func() { fmt.Println("ready") })
	}
	fmt.Fprintln(os.Stderr, node.Explain(err))
	return 1
}

func loopback(home string) node.Config {
	return node.Config{Home: home, Mesh: "test", Capacity: 1 << 30, Listen: []string{"/ip4/127.0.0.1/tcp/0"}}
}
