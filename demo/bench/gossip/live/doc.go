// Package live plays a plan in real time, with one operating system process a
// node, over loopback. It does less than a world: no loss, no cuts, no pauses, no
// latency of its own; a crash is a SIGKILL. What it adds is the true cost of a
// node, and that nothing is simulated.
//
// A node reads its [Place] as one line of JSON from standard input, then a
// [Command] a line, and writes a journal to standard output as package journal
// draws it; the time of its events is not looked at.
package live
