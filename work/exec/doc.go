// Package exec runs units of work in sandboxed child processes.
package exec
