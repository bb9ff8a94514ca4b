// Command command does one unit: for systems that start a process for each.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/batchain/batchain/demo/bench/work/unit"
)

func main() {
	output, err := unit.Serve([]byte(strings.Join(os.Args[1:], " ")))
	if err != nil {
		fmt.Fprintln(os.Stderr, "unit:", err)
		os.Exit(1)
	}
	fmt.Printf("%s\n", output)
}
