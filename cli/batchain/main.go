// Command batchain joins a machine's spare disk and processor to a peer-to-peer mesh.
package main

import (
	"os"

	"github.com/batchain/batchain/cli"
	"github.com/batchain/batchain/work/exec"
)

func main() {
	exec.BeChild()
	os.Exit(cli.Main())
}
