//go:build race && linux

package transfer

// underRace says that the race detector runs, which doubles what a process needs.
const underRace = true
