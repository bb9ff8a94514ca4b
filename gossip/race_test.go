//go:build race

package gossip

// underRace says that the race detector runs, which takes ten times as long.
const underRace = true
