// Package dispatch is what a hive and a bee say to each other: the protocol by
// which a bee becomes known, asks for tasks, hands in what it made and keeps its
// leases, both ends of it. What is given and what is believed belongs to the
// [Hive]; which hive to ask, and what to do with tasks, to the bee.
//
//	/batchain/MESH/work/1.0.0
//
// # Stream
//
// One operation per stream, opened by the bee: one frame (see package wire) there,
// one back. A frame's kind is the operation or the answer, its payload one CBOR map.
//
//	kind  operation   answer
//	  1   HELLO       129 WELCOME
//	  2   PROVE       129 WELCOME
//	  3   REQUEST     130 WORK
//	  4   SUBMIT      131 VERDICTS
//	  5   BEAT        132 ORDERS
//	  6   MODULE      133 BYTES, then raw bytes
//	any                 0 a [wire.Error]: instead of an answer
//
// # Messages
//
// Numbers are CBOR keys; a field in brackets may be absent. Durations are
// nanoseconds, times Unix milliseconds.
//
//	HELLO     [1 owner bytes(32)   2 claim signed (owner's key, kind "work-owner"): {1 bee}]
//	PROVE     1 proof: {1 challenge, 2 nonce uint}   2 hello: as HELLO
//	WELCOME   1 until int: 0 when not admitted   [2 challenge: {1 strength uint (bits), 2 expires, 3 salt bytes(32)}]
//	REQUEST   1 slots uint   2 kinds: [1 wasm | 2 native | 3 inline]   [3 names: [text] ≤ 64   4 wait   5 resume bool]
//	          [6 most bytes of memory for a unit   7 most ns for a unit   8 parallel uint: tasks that run at the same time]
//	WORK      1 programs: [program]   2 tasks: [{1 token bytes(16), 2 place in programs, 3 input, 4 lease, 5 limit}] ≤ 256   [3 retry]
//	program   1 kind   [2 name   3 module bytes(32): SHA-256   4 args: [text]]   5 limits: {[1 fuel, 2 memory, 3 output, 4 wall]}   [6 context: JSON, ≤ 16 KiB   7 files: [file] ≤ 16]
//	file      1 name   2 hash bytes(32)   [3 mesh bool: hash names a manifest]   4 size
//	SUBMIT    1 results: [{1 token, 2 status: 1 done | 2 the program failed | 3 given up, [3 output, 4 fuel, 5 text]}] ≤ 256
//	VERDICTS  1 codes: [uint]: 0 taken, else the code of an error, in the order of the results
//	BEAT      1 beats: [{1 token, [2 progress (thousandths)]}] ≤ 256
//	ORDERS    1 orders: [1 go on | 2 stop | 3 pause], in the order of the beats
//	MODULE    1 hash bytes(32): of a module, a file, or the manifest of one
//	BYTES     1 length uint; then so many raw bytes
//
// # Limits
//
// Every length is checked before anything of it is allocated or read.
//
//	HELLO, PROVE, MODULE, WELCOME, BYTES 1 KiB · REQUEST, BEAT, VERDICTS, ORDERS 16 KiB
//	SUBMIT, WORK 3 MiB · error 1 KiB · a module 64 MiB
//	streams 1024, of one bee 16; beyond them BUSY
//	a stream may stand still 30 s, REQUEST as much longer as it waits, at most 30 s
//	a challenge of more than 28 bits is not worked for
//
// # Course
//
//	bee                           hive
//	REQUEST            ─────→
//	                   ←─────     VerificationNotExecuted: not known, or not any more
//	HELLO              ─────→
//	                   ←─────     WELCOME{challenge} | WELCOME{until} | RegistrationClosed
//	PROVE              ─────→
//	                   ←─────     WELCOME{until}: for a week, and work renews it
//	REQUEST            ─────→
//	                   ←─────     WORK{tasks} | WORK{retry} | RequestPendingWork
//	BEAT, in time      ─────→
//	                   ←─────     ORDERS
//	SUBMIT             ─────→
//	                   ←─────     VERDICTS: on the hive's disk
//
// SUBMIT may be repeated: the same result again is taken again. A verdict
// says that a result came in, never whether it is right: that could tell a bee
// which tasks are spot checks.
//
// Who a bee is, is who the connection says it is; the hive's identity likewise. No
// field names a peer but the owner's claim, which is signed and binds one bee.
// The network of a bee is that of its address as the hive sees it.
//
// # Changes
//
// Keys, kinds and codes are append-only. A reader ignores fields that it does
// not know and answers UNSUPPORTED to an operation that it does not know. The bytes
// of every message are in testdata/messages.txt.
package dispatch
