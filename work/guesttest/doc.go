// Package guesttest writes modules that do units of work, instruction by
// instruction: small ones, whose bytes are the same whoever builds them. Each
// speaks the line protocol; its input is a whole number from 0 on, and any other
// one is an error of the worker's.
package guesttest
