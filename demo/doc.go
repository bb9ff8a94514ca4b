// Package demo is a mesh of real nodes in one process: the sample mesh that
// people try things on, and the numbered demos, which play the main job, tell
// what they do, and check every step.
//
// Everything stays on loopback. A demo works in a temp folder that it removes;
// the sample mesh keeps its folder, so that it comes back with its files.
package demo
