package cli

import (
	"bufio"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node/control"
)

// session is what every command is given: the common flags, read.
type session struct {
	*process
	home      string // absolute
	mesh      string // empty: not said
	bootstrap []string
	timeout   time.Duration // 0: none
	logger    *slog.Logger
	lines     *bufio.Reader // of stdin, once something was asked
	resume    string        // how to go on after an interruption; empty: there is no way
}

func (p *process) newSession(c *urfave.Context) (*session, error) {
	s := &session{process: p, mesh: c.String("mesh"), bootstrap: c.StringSlice("bootstrap")}
	p.out.hints = hintsOf(p.line.argv)
	p.out.json, p.out.quiet, p.out.verbose = c.Bool("json"), c.Bool("quiet"), c.Bool("verbose")
	p.out.plain = c.Bool("no-color") || os.Getenv("NO_COLOR") != "" || !isTerminal(p.Err)
	var err error
	if s.home, err = homeFolder(c.String("home")); err != nil {
		return nil, err
	}
	if given := c.String("timeout"); given != "" {
		if s.timeout, err = parseDuration(p.named("timeout"), given); err != nil {
			return nil, err
		}
	}
	s.logger, err = p.newLogger(c.String("log-level"), c.String("log-format"))
	return s, err
}

// homeFolder returns the absolute path of the home: the one given, else
// ~/.batchain.
func homeFolder(given string) (string, error) {
	if given == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return "", control.NewError(control.ExitConfig, 1, "there is no folder for the node: %w", err).Try("give one with --home DIR")
		}
		given = filepath.Join(user, ".batchain")
	}
	home, err := filepath.Abs(given)
	if err != nil {
		return "", control.NewError(control.ExitConfig, 1, "there is no folder for the node: %w", err)
	}
	return home, nil
}

// timedOut is the cause of a context that --timeout ended.
type timedOut struct{ after time.Duration }

func (t *timedOut) Error() string { return "not done within " + t.after.String() }

// resumable adds how to go on to an error that an interruption or a lack of
// time caused.
func (s *session) resumable(err error) error {
	var stopped *interruption
	var late *timedOut
	if s.resume == "" || !errors.As(err, &stopped) && !errors.As(err, &late) {
		return err
	}
	return explain(err).Try(s.resume)
}

// envHome is the home that the environment names.
func envHome() string { return os.Getenv(envName("home")) }

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

// named is how a flag was given: as itself, or as a variable of the environment.
func (p *process) named(flag string) string {
	for _, word := range p.line.argv {
		if word == "--" {
			break
		}
		if strings.HasPrefix(word, "--"+flag+"=") {
			return "--" + flag
		}
	}
	if os.Getenv(envName(flag)) != "" {
		return envName(flag)
	}
	return "--" + flag
}

// parseDuration reads 90s, 10m, 2h, 30d, 2w, 1y and sums of them. The name is
// what the error says the value was given for.
func parseDuration(name, given string) (time.Duration, error) {
	var sum time.Duration
	rest := given
	for rest != "" {
		at := strings.IndexAny(rest, "dwy")
		part, unit := rest, time.Duration(0)
		if at >= 0 {
			unit = map[byte]time.Duration{'d': 24 * time.Hour, 'w': 7 * 24 * time.Hour, 'y': 365 * 24 * time.Hour}[rest[at]]
			part, rest = rest[:at]+"h", rest[at+1:]
		} else {
			rest = ""
		}
		d, err := time.ParseDuration(part)
		if err != nil || d < 0 {
			return 0, badDuration(name, given)
		}
		if unit > 0 {
			hours := d.Hours()
			if hours*unit.Hours() > time.Duration(1<<63-1).Hours()-sum.Hours() {
				return 0, badDuration(name, given)
			}
			d = time.Duration(hours * float64(unit))
		}
		sum += d
	}
	if sum <= 0 {
		return 0, badDuration(name, given)
	}
	return sum, nil
}

func badDuration(name, given string) error {
	return usage(60, "%s cannot be %q", name, given).Because("90s, 10m, 2h, 30d, 2w or 1y are")
}
