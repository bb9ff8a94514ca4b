// Package disktest gives a test a small disk of its own, to be filled to the last
// byte. Only tests import it.
package disktest
