//go:build !race

package keeper

const raceOn = false
