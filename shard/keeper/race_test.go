//go:build race

package keeper

// raceOn makes long tests shorter under the race detector.
const raceOn = true
