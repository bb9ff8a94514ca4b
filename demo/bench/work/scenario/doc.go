// Package scenario plays the systems of package participant, and says what comes
// of it in figures. Each scenario is one file, and plays one system once; who
// calls repeats, and makes medians.
package scenario
