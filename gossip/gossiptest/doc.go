// Package gossiptest is for tests of gossip: a network in memory that can be
// slow, lossy, cut and paused, and the suites that every Transport and every
// Store must pass.
package gossiptest
