// Package participant holds those who take part in the comparison and are
// written in Go, one file each, and the table of them.
package participant
