// Package exec runs units of work: WebAssembly modules, and native commands
// that the owner of the machine allowed, in child processes that get at nothing
// but their unit. It also runs the hive's own programs: sources, which make
// units and judge results. All of them speak one line protocol, so that they
// can be written in any language.
//
// # The line protocol
//
// A worker is a program that reads lines from its standard input and writes
// lines to its standard output. Each line is one JSON object in UTF-8, ended by
// a newline, of at most 1 MiB; "type" says what it is. What is written to
// standard error is for people. Flush after every line.
//
// The first line is hello; answer it with ready, within 30 s. Then comes work,
// one unit at a time; answer it with result or error, with its id. Pass over
// lines of types and fields that you do not know. A unit that is not wanted any more, or takes too
// long, ends by your being killed; keep nothing that would be missed. End, with exit code 0, after
// stop, and when the input ends; 10 s later you are killed.
//
//	to a worker
//	 {"type":"hello","proto":1,"context":V}                     context: what the project says to all its workers; left out when it says nothing
//	 {"type":"work","id":N,"seq":N,"input":V,"files":{NAME:PATH},"checkpoint":V}  seq: the place of the unit in the project; files: to be read, left out when there are none; checkpoint: to go on from, left out when there is none
//	 {"type":"ping","id":N}                                     only between units; answer within 5 s
//	 {"type":"error","code":"protocol","message":S}             your last line is none; it is passed over, and the third of them is your end
//	 {"type":"stop"}
//
//	from a worker
//	 {"type":"ready","proto":1}
//	 {"type":"result","id":N,"data":V}
//	 {"type":"error","id":N,"code":S,"message":S,"retryable":B}  the unit cannot be done; the next one may come
//	 {"type":"progress","id":N,"p":F,"s":S}                     p: 0 to 100 percent; s: a word or two
//	 {"type":"checkpoint","id":N,"data":V}                      from where this worker can go on, if it is interrupted
//	 {"type":"log","message":S}                                 the same as a line on standard error
//	 {"type":"pong","id":N}
//
// V is any JSON value, N a whole number, F a number, S a text of which the first
// line and 256 bytes are shown, B true or false. A whole worker, in Python:
//
//	import json, sys
//	for text in sys.stdin:
//	    line = json.loads(text)
//	    if line["type"] == "hello":
//	        print(json.dumps({"type": "ready", "proto": 1}), flush=True)
//	    elif line["type"] == "work":
//	        print(json.dumps({"type": "result", "id": line["id"], "data": line["input"] ** 2}), flush=True)
//	    elif line["type"] == "stop":
//	        break
//
// Bees are believed when they agree. So a result must follow from the unit (its
// input, its files, the context) alone: no clock, no randomness that the unit
// does not seed, nothing left from the unit before. Write numbers and the keys
// of objects always in the same way.
//
// A unit that takes long may say now and then how to go on from where it is. When the
// machine goes down meanwhile, and gets the unit again, it comes with the last of these
// checkpoints; the result must be the same as without. A module whose fuel is
// counted gets none, since its fuel would not be the same.
//
// PROTOCOL.md says all of it, the lines of sources and validators among them, for
// those who write programs in other languages. testdata has workers and sources
// in Python, Perl and Go, and package exectest tests any: see its comment.
//
// # Modules
//
// A module is a WASI preview 1 command: it exports _start and imports functions
// of wasi_snapshot_preview1 only. It is a worker like any other, except that it
// gets an instance of its own for every unit, so that nothing is left from the
// last one: it reads hello, one work with id 1, and stop, and ends. Its files
// are in /in. Clocks stand at the same time for everyone and advance by the
// reading, random numbers are the same for everyone, there are no arguments,
// no environment, no network, and no other files.
//
// Fuel is how many instructions it executed; package meter says exactly how
// that is counted. The same module, input and limits give the same result and
// the same fuel on all machines, with one exception: the bits of a NaN. A module
// that may show them (through memory, or i32.reinterpret_f32 and its like) is
// to make them the same first.
//
// # Limits
//
// Of a unit: fuel, memory (256 MiB), bytes of output (1 MiB), wall clock (1 min);
// its input fits in 1 MiB less 64 KiB. The first three decide what comes out.
// Output counts all bytes on standard output but those of checkpoints, which
// have 256 KiB each. Of a module: 64 MiB, and to
// compile it 1 min of a processor and 2 GiB. The cache of compiled modules has 1 GiB, and drops
// what was not used for the longest time.
//
// # The sandbox
//
// This program executes itself: [BeChild]. A child applies to itself, and then
// becomes a guest (which runs one module), a compiler (one module, once), or a
// native command:
//
//	limits      RLIMIT_DATA, STACK, CPU, NOFILE, NPROC, FSIZE, CORE, MEMLOCK, NICE, RTPRIO; priority 19; no descriptor but the first three
//	namespaces  user, network, processes, messages, names: no interface but a dead loopback; when its first process ends, all do
//	landlock    files: the system's libraries and programs, its own folder, what the owner listed; TCP; abstract sockets, signals (version 4 and later)
//	seccomp     no sockets, no new processes, no namespaces, no memory that RLIMIT_DATA does not count, no rare calls;
//	            no file's mode, owner, times or attributes are changed, and none is watched: Landlock does not see that
//	warden      of a native command, ten times a second: memory that RLIMIT_DATA does not count, page tables, threads (512), free disk;
//	            once a second its folder: 1 GiB, 16,384 files, 64 folders in each other. It is stopped while it has no unit
//
// A module has walls of its own: it can call nothing but WASI. So a guest runs
// with those layers that the machine has. A native command runs with all of
// them or not at all ([ErrSandbox]); it has threads and no processes of its
// own. [Layers] tells which hold. Except on Linux only the process does.
//
// A guest cannot be interrupted, and while it runs the collector of its process
// cannot: hence a process, which is killed when time is over. A compiler writes
// the folder of one module in the cache; a guest only reads there.
//
// # What is not promised
//
// That a unit cannot slow down the machine: its priority is the lowest, but it
// shares caches and memory bandwidth. That it learns nothing of the machine: a
// native command sees the machine's name, the kernel's version, the system's libraries, the names
// and sizes of files and where links lead to, and can measure time; a module cannot. That a native
// command never has more than it may: the warden looks after it ten times a second, and kills it
// then, or when less than 256 MiB of the disk are left. That a module ends alike
// everywhere when it recurses too deep: how deep depends on the processor.
//
// # Folder
//
//	modules/SHA256-metered   compiled modules, wazero's files among them; written by compilers only
//	modules/SHA256-plain
//	modules/new-*            a compiler at work; removed at start
//	worker-*/in, out         the box of a worker: the files of its unit, and what a command writes; removed with it
//
// # Papers
//
// Haas et al., Bringing the Web up to Speed with WebAssembly, PLDI 2017.
package exec
