// Package nodetest runs clusters of real nodes in one test process: each has
// its home in a temporary folder, listens on loopback, and speaks to the others
// as nodes on different machines would. Only tests import it.
//
//	c := nodetest.New(t, 8, nodetest.Options{}) // started, and each knows the others
//	put, err := c.Client().Put(ctx, …)
//	c.Kill(3)
//
// Every node is stopped, and waited for, when the test ends.
package nodetest
