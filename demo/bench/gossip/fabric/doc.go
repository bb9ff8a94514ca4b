// Package fabric is the simulated network of the Go worlds: packets and streams
// between numbered nodes, with latency, loss, pauses and cuts, by the rules that
// package plan states. It keeps time with package time, so it belongs inside a
// testing/synctest bubble.
package fabric
