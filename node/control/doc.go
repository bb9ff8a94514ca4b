// Package control is the local API of a node: HTTP and JSON over the unix
// socket in its home. The server answers with what a [Backend] does; the
// [Client] is a Backend too, so whoever asks need not know where the node runs.
//
//	POST /v1/put      request line, then the file's bytes unless it names a path → stream
//	POST /v1/get      request line → stream, or the file's bytes when no output is named
//	POST /v1/remove   request line → stream
//	POST /v1/work/results    request line → stream of datachunks
//	POST /v1/work/…   request line → stream: submit, projects, steer, volunteer
//	GET  /v1/status   → one object
//	GET  /v1/peers    → one array
//	everything else   → the handler given to NewServer (metrics, events, pprof)
//
// A request line is one JSON object of at most 64 KiB. A field that the node
// does not know is an error: it might be the one that matters. A stream is
// NDJSON, one object a line of at most 4 MiB, in the form that the command line
// shows with --json:
//
//	{"type":"progress","phase":"place","done":16777200,"total":805306368}
//	…
//	{"type":"result", …}   or   {"type":"error","code":"E0601","exit":6, …}
//
// The last progress line is repeated every second, which tells the asker that
// the node is alive, and the node that the asker is: whoever hangs up cancels
// the work. Progress that the asker does not read in time is dropped, results
// never are. A stream of datachunks has no progress, and lines {"type":"datachunk", …}
// instead, none of which is dropped.
//
// The bytes of a file come with its size in the header Batchain-Size and end
// with one of the trailers Batchain-Result and Batchain-Error, the same JSON in
// base64. Without a trailer they are not the whole file.
//
// The socket is the only guard: whoever may open it may do all of this.
package control
