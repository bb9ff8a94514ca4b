// Package journal is what a world writes while it plays a plan: one JSON object
// a line.
//
//	{"t":1500,"e":"step","i":3}                                step 3 is done (started at t for an await)
//	{"t":1500,"e":"live","n":1,"s":2}                          node 1 takes node 2 for live from now on
//	{"t":1500,"e":"dead","n":1,"s":2}                          node 1 takes node 2 for dead, or gone
//	{"t":1500,"e":"value","n":1,"s":2,"k":"status","v":"17."}  node 1 sees a value of node 2
//	{"t":1500,"e":"count","n":1,"bytes":9,"messages":3,"dials":1,"known":80}
//	{"t":1500,"e":"cost","cpu":0.25,"rss":1048576}             seconds and bytes of the process so far
//	{"t":1500,"e":"skip","v":"why"}                            the participant has no such thing
//	{"t":1500,"e":"end"}                                       always the last
//
// t is in milliseconds of virtual time since the world began. Counts and cost
// are written at every mark and at the end; bytes and messages are payload as
// handed to the network, without headers. Subjects at or above the number of
// nodes are peers that nobody runs: an attacker invented them.
package journal
