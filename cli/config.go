package cli

import (
	"context"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node"
)

func configCommand() *command {
	return &command{
		name: "config", args: "check", group: groupRest, brief: "the configuration file",
		subs: []*command{{
			name: "check", group: groupRest, brief: "read config.toml as a node would, and say what is wrong with it",
			run: runConfigCheck,
		}},
	}
}

type checked struct {
	Path    string `json:"path"`
	Present bool   `json:"present"`
}

// runConfigCheck judges the file with the flags and the environment on top, as
// every other command does.
func runConfigCheck(_ context.Context, s *session, _ *urfave.Context) error {
	path := node.Home(s.home).ConfigFile()
	config, err := s.config()
	if err != nil {
		return err
	}
	if err := config.Validate(); err != nil {
		return err
	}
	there, text := present(path), path+" is in order"
	if !there {
		text = "there is no " + path + ": every setting has its default"
	}
	s.out.result(checked{Path: path, Present: there}, text)
	return nil
}
