//go:build race

package exec

// raceDetector says that this program is built for tests that look for races.
// Its shadow memory is larger than any limit.
const raceDetector = true
