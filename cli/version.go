package cli

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node"
)

func versionCommand() *command {
	return &command{
		name: "version", group: groupRest, brief: "what this program was built from",
		run: func(_ context.Context, s *session, _ *urfave.Context) error {
			v := buildOf()
			rows := [][2]string{{"batchain", v.Version}, {"go", v.Go + " " + v.System}}
			for _, key := range []string{"github.com/libp2p/go-libp2p", "github.com/libp2p/go-libp2p-kad-dht"} {
				if found := v.Modules[key]; found != "" {
					rows = append(rows, [2]string{strings.TrimPrefix(key, "github.com/libp2p/"), found})
				}
			}
			text := unindent(columns(rows))
			if s.out.quiet {
				text = v.Version
			}
			s.out.item("version", v, text)
			return nil
		},
	}
}

// build is what the program knows of how it was made.
type build struct {
	Version string            `json:"version"`
	Go      string            `json:"go"`
	System  string            `json:"system"`
	Commit  string            `json:"commit,omitempty"`
	Time    string            `json:"time,omitempty"`
	Changed bool              `json:"changed"` // there were changes that no commit holds
	Modules map[string]string `json:"modules"`
}

func buildOf() build {
	b := build{Version: node.Version(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, Modules: map[string]string{}}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Changed = s.Value == "true"
		}
	}
	for _, m := range info.Deps {
		b.Modules[m.Path] = fmt.Sprint(m.Version)
	}
	return b
}
