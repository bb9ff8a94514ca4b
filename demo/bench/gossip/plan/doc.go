// Package plan makes the schedules that every participant of the comparison
// plays, and says by what rules worlds, in whatever language, play them.
//
// A world runs the nodes of one participant on a simulated network in virtual
// time. It reads one [Plan] as JSON from its standard input, does the steps one
// after the other, and writes what happens to its standard output, as package
// journal draws it.
//
// # The network
//
// Every packet takes the plan's latency and is lost with its chance. A stream
// is made of segments of 1,400 bytes; one that is lost, or meets a cut, is sent
// again after 200 ms, then 400 and so on, and what follows waits for it; the stream
// breaks when a cut lasts longer than 30 s. Opening
// a stream takes one round trip; an opening that is lost or meets a cut, a crash
// or nobody is tried again after 1, 2, 4 … seconds, silently, until the opener
// gives up. A pause holds packets, openings and segments in both directions and
// delivers them at its end. The nodes' own timers go on in a pause.
//
// # Values
//
// A value begins with a number and a full stop and is filled up with the letter
// x, which journals leave out. The numbers of one key only grow, so a node that
// has the value 18. is not missing 17. any more.
package plan
