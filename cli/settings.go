package cli

import (
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node"
)

// Settings come from config.toml, the environment and flags, the later over the
// earlier. What makes no sense in the file is a fault of the configuration
// (exit 13); in a flag or a variable it is one of usage (exit 2).

// config returns the home's configuration with the common flags on top.
func (s *session) config() (node.Config, error) {
	config, err := node.LoadConfig(node.Home(s.home).ConfigFile())
	if err != nil {
		return config, err
	}
	config.Home, config.Logger = s.home, s.logger
	if s.mesh != "" {
		config.Mesh = s.mesh
		if err := s.judge(s.named("mesh"), s.mesh, node.Config{Mesh: s.mesh}); err != nil {
			return config, err
		}
	}
	if len(s.bootstrap) > 0 {
		config.Bootstrap = s.bootstrap
		return config, s.judge(s.named("bootstrap"), strings.Join(s.bootstrap, " "), node.Config{Bootstrap: s.bootstrap})
	}
	return config, nil
}

// judge returns a usage error when the one setting that was given as name is invalid.
func (s *session) judge(name, given string, alone node.Config) error {
	alone.Home = s.home
	err := alone.Validate()
	if err == nil {
		return nil
	}
	return usage(79, "%s cannot be %q", name, given).Wrap(err).
		Because("%s", strings.TrimPrefix(err.Error(), node.ErrConfig.Error()+": "))
}

// nodeConfig returns the configuration of a node that keeps running.
func (s *session) nodeConfig(c *urfave.Context) (node.Config, error) {
	config, err := s.config()
	if err != nil {
		return config, err
	}
	if c.IsSet("listen") {
		if err := s.setListen(c, &config); err != nil {
			return config, err
		}
	}
	if c.IsSet("capacity") {
		if err := s.setCapacity(&config, c.String("capacity")); err != nil {
			return config, err
		}
	}
	if c.IsSet("no-storage") {
		config.NoStorage = c.Bool("no-storage")
	}
	if c.IsSet("no-mdns") {
		config.NoMDNS = c.Bool("no-mdns")
	}
	if c.IsSet("relay") {
		config.Relay = c.String("relay")
		if err := s.judge(s.named("relay"), config.Relay, node.Config{Relay: config.Relay}); err != nil {
			return config, err
		}
	}
	if c.IsSet("metrics") {
		config.Metrics = c.String("metrics")
		if err := s.judge(s.named("metrics"), config.Metrics, node.Config{Metrics: config.Metrics}); err != nil {
			return config, err
		}
	}
	return config, config.Validate()
}

func (s *session) setListen(c *urfave.Context, config *node.Config) error {
	config.Listen = c.StringSlice("listen")
	return s.judge(s.named("listen"), strings.Join(config.Listen, " "), node.Config{Listen: config.Listen})
}

// setCapacity reads what is given to others; nothing is a node without storage.
func (s *session) setCapacity(config *node.Config, given string) error {
	n, err := node.ParseSize(given)
	if err != nil {
		return badSize(s.named("capacity"), given)
	}
	config.Capacity, config.NoStorage = n, n == 0
	if n == 0 {
		s.out.note("this node keeps nothing for others: %s is 0", s.named("capacity"))
	}
	return nil
}

// parseSize reads a size above 0. The name is what the error says it is for.
func parseSize(name, given string) (int64, error) {
	n, err := node.ParseSize(given)
	if err != nil || n == 0 {
		return 0, badSize(name, given)
	}
	return n, nil
}

func badSize(name, given string) error {
	return usage(63, "%s cannot be %q", name, given).Because("a size is meant, such as 50GB or 64MiB")
}
