// Package exchangetest has what tests of the shard protocol and of its users
// need: a strict store in memory, and hosts that lie in every way we could
// think of. The lying hosts write their frames by hand, from the drawings in
// package exchange, and share no code with it.
package exchangetest
