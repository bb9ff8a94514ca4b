// Package world runs a plan with a participant written in Go: all its nodes in
// one process, on one simulated network, in virtual time. What a world reads
// and writes is drawn in package plan.
package world
