//go:build !race

package kad_test

// bigMesh is how many nodes the big mesh of the tests has.
const bigMesh = 50

// bubbles tells whether tests in a synctest bubble can run.
const bubbles = true
