// Package cli is the command line. Results go to stdout, everything else to
// stderr; with --json stdout is NDJSON and nothing else.
//
// # The way of a command
//
//	arguments → parse (argv.go) → urfave/cli → session → run function → outcome (exit.go)
//
// The tree of commands is a table (tree.go). urfave/cli parses values and reads
// the environment, and that is all it does: it ignores flags that stand after
// an argument, shadows common flags, runs the root action for commands it does
// not know, exits in the middle of things and, asked for completions, sometimes
// runs the command. So parse takes every line apart by the table first and
// hands on `batchain COMMON… COMMAND FLAGS… -- ARGUMENTS…` only, in which none
// of that can happen. Help and completion walk the table too.
//
// # Nodes
//
// Commands never touch shards themselves. They ask the node that runs on the
// home through its control socket. Where none runs, they run one in this
// process for as long as the command takes and ask it through the same socket
// (local.go). `ls` and whatever else only reads manifests asks nobody.
//
// Nothing below this package reads flags or the environment, prints, or exits.
package cli
