// Command batchain joins a machine's spare disk to a peer-to-peer mesh.
package main

import (
	"os"

	"github.com/batchain/batchain/cli"
)

func main() { os.Exit(cli.Main()) }
