// Package measure makes figures out of journals, the same way for everybody:
// what a participant believed, against what a plan did.
package measure
