//go:build !linux

package exec

// Layers tells which walls stand on this machine. A native command needs all.
func Layers() []Layer {
	return []Layer{
		{"process", true, "every unit runs in a child process, a module in WebAssembly"},
		{"limits", false, "on Linux only"},
		{"namespaces", false, "on Linux only"},
		{"landlock", false, "on Linux only"},
		{"seccomp", false, "on Linux only"},
	}
}
