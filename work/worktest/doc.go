// Package worktest makes hives, hosts and bees for tests. Its own tests are of
// the parts of work together: a mesh on loopback, hives that are killed, rates.
package worktest
