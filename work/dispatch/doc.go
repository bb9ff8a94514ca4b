// Package dispatch is what a hive and a bee say to each other.
package dispatch
