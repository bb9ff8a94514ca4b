// Package work is what is computed.
package work
