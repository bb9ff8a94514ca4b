package exec

import "time"

// warden looks after a native command, for what the system does not count: memory that it
// wrote to and then made read-only, page tables, threads of root's, and what its files take
// together.
type warden struct {
	memory int64  // bytes that it may have, see [Limits]
	folder string // that it may write into
}

// What a native command may have, besides the memory of its unit.
const (
	maxThreads  = 512
	maxFolder   = 1 << 30   // bytes in all its files
	maxEntries  = 1 << 14   // files and folders
	maxDepth    = 64        // folders in each other
	spareMemory = 64 << 20  // bytes: its stack, page tables, what libraries write to
	spareDisk   = 256 << 20 // bytes that stay free on the disk, whoever takes them
)

// How often the warden looks, and at every how manieth time into the folder.
const (
	wardenPause = 100 * time.Millisecond
	folderEvery = 10
)

// watch kills the worker when it has more than it may, until it has ended.
func (w *worker) watch() {
	ticker := time.NewTicker(wardenPause)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-w.over:
			return
		case <-ticker.C:
		}
		f := w.warden.process(w.cmd.Process.Pid)
		if f == nil && n%folderEvery == 0 {
			f = w.warden.files()
		}
		if f != nil {
			w.excess.Store(f)
			w.kill()
			return
		}
	}
}
