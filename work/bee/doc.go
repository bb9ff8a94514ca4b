// Package bee does the work of hives.
package bee
