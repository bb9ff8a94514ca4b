//go:build race

package kad_test

// bigMesh is how many nodes the big mesh of the tests has: fewer than without
// the race detector, which makes each cost ten times as much.
const bigMesh = 24

// bubbles is false: under the race detector the runtime of Go 1.26 crashes now
// and then in the timers of a synctest bubble.
const bubbles = false
