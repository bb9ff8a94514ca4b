package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node/control"
)

// Streams are what a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs the process's command line and returns its exit code. The first
// SIGINT or SIGTERM ends the command cleanly, the second ends the process.
func Main() int {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	forgetEmpty()
	return Run(ctx, os.Args, Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
}

// forgetEmpty makes variables of ours that are empty count as not set.
func forgetEmpty() {
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); value == "" && strings.HasPrefix(name, envName("")) {
			_ = os.Unsetenv(name) // a name from the environment is a name
		}
	}
}

// interruption is the cause of a context that a signal ended.
type interruption struct{ signal os.Signal }

func (i *interruption) Error() string { return i.signal.String() }

func untilSignal(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			cancel(&interruption{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}

// process is one run of the command line.
type process struct {
	Streams
	out  *output
	line line
}

// Run runs a command line, args[0] being the name the program was called by,
// and returns the exit code. It ends soon after ctx does.
func Run(ctx context.Context, args []string, streams Streams) int {
	t := newTable()
	p := &process{Streams: streams}
	words := wordsOf(args)
	p.out = newOutput(streams, wantsJSON(words))
	if len(words) > 0 && words[0] == completeWord {
		t.complete(ctx, words[1:], streams.Out)
		return control.ExitDone
	}
	var err error
	if p.line, err = t.parse(words); err == nil {
		err = p.dispatch(ctx, t)
	}
	return p.out.finish(ctx, err)
}

func (p *process) dispatch(ctx context.Context, t *table) error {
	if p.line.help {
		return p.help(t, p.line.path)
	}
	return t.app(p).RunContext(ctx, p.line.argv)
}

// wordsOf returns the arguments. Called as batchain-sample the program is the
// command of that name.
func wordsOf(args []string) []string {
	if len(args) == 0 {
		return nil
	}
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	words := args[1:]
	if name != "batchain-sample" {
		return words
	}
	if len(words) > 0 && words[0] == completeWord {
		return slices.Insert(slices.Clone(words), 1, "sample")
	}
	return append([]string{"sample"}, words...)
}

// wantsJSON looks for --json before the line is taken apart: a mistake in the
// line is told in the form that was asked for.
func wantsJSON(words []string) bool {
	want, _ := strconv.ParseBool(os.Getenv(envName("json")))
	for _, word := range words {
		switch {
		case word == "--":
			return want
		case word == "--json":
			want = true
		case strings.HasPrefix(word, "--json="):
			want, _ = strconv.ParseBool(strings.TrimPrefix(word, "--json="))
		}
	}
	return want
}

// action makes the session that a command runs in, and runs it.
func (p *process) action(row *command) urfave.ActionFunc {
	return func(c *urfave.Context) error {
		s, err := p.newSession(c)
		if err != nil {
			return err
		}
		ctx := c.Context
		if s.timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, s.timeout, &timedOut{s.timeout})
			defer cancel()
		}
		err = row.run(ctx, s, c)
		if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			err = errors.Join(context.Cause(ctx), err)
		}
		return s.resumable(err)
	}
}
