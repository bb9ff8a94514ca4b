package node

import (
	"runtime/debug"
	"strings"
)

// Version names this build: the module's version where it was built from a
// release, otherwise "dev", followed by the commit where the build knows it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	return describe(info)
}

// describe puts together what the build information says of the main module.
func describe(info *debug.BuildInfo) string {
	version := strings.TrimPrefix(info.Main.Version, "v")
	if version != "" && version != "(devel)" {
		return version
	}
	commit, changed := "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				changed = ".changed"
			}
		}
	}
	if commit == "" {
		return "dev"
	}
	return "dev+" + commit[:min(len(commit), 12)] + changed
}

// userAgent is what other peers see of the program.
func userAgent() string { return "batchain/" + Version() }
