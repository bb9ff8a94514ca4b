// Package worktest makes hives, hosts and bees for tests.
package worktest
