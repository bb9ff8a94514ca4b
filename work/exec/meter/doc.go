// Package meter rewrites WebAssembly modules so that they count what they do.
package meter
