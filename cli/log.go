package cli

import (
	"log/slog"
	"strings"

	"github.com/batchain/batchain/node"
)

// newLogger returns the process's logger, to stderr, and makes the libraries
// log through it.
func (p *process) newLogger(level, format string) (*slog.Logger, error) {
	opts := &slog.HandlerOptions{Level: defaultLevel(p.line.command(), p.out.verbose)}
	if level != "" {
		var l slog.Level
		if err := l.UnmarshalText([]byte(strings.ToLower(level))); err != nil {
			return nil, usage(61, "%s cannot be %q", p.named("log-level"), level).Because("debug, info, warn and error are")
		}
		opts.Level = l
	}
	var h slog.Handler
	switch format {
	case "", "text":
		h = slog.NewTextHandler(p.Err, opts)
	case "json":
		h = slog.NewJSONHandler(p.Err, opts)
	default:
		return nil, usage(61, "%s cannot be %q", p.named("log-format"), format).Because("text and json are")
	}
	node.InstallLogging(h)
	return slog.New(h), nil
}

// defaultLevel is info for a node, which lives long, and error for a command,
// whose result says how it went; -v takes both one step further.
func defaultLevel(c *command, verbose bool) slog.Level {
	level := slog.LevelError
	if c != nil && (c.name == "node" || c.name == "join") {
		level = slog.LevelInfo
	}
	if verbose {
		level -= 4
	}
	return level
}
