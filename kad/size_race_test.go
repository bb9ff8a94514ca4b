//go:build race

package kad_test

// bigMesh is how many nodes the big mesh of the tests has: fewer than without
// the race detector, which makes each cost ten times as much.
const bigMesh = 24
