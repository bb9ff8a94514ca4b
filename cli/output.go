package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/batchain/batchain/node/control"
)

// output keeps the rules of what goes where. Results go to stdout and all else
// to stderr; with --json everything a script may want is a line of NDJSON on
// stdout, and stdout holds nothing else.
type output struct {
	Streams
	json, quiet, verbose bool
	plain                bool // no colours
	hints                hints

	mu     sync.Mutex
	broken error // the first write to stdout that failed
}

func newOutput(streams Streams, json bool) *output {
	return &output{Streams: streams, json: json, plain: true}
}

// write writes to stdout and remembers when that fails.
func (o *output) write(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.broken != nil {
		return
	}
	_, o.broken = o.Out.Write(b)
}

// isBroken tells whether stdout takes nothing any more.
func (o *output) isBroken() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.broken != nil
}

// print writes a result for people.
func (o *output) print(format string, args ...any) {
	o.write(fmt.Appendf(nil, format+"\n", args...))
}

// line writes one line of NDJSON.
func (o *output) line(kind string, v any) {
	b, err := control.Line(kind, v)
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.broken = err
		return
	}
	o.write(b)
}

// result writes a result: v with --json, else the text.
func (o *output) result(v any, text string) { o.item("result", v, text) }

// item writes one object of several.
func (o *output) item(kind string, v any, text string) {
	if o.json {
		o.line(kind, v)
	} else if text != "" {
		o.print("%s", text)
	}
}

// note tells a person something that is no result. Scripts and the quiet are
// spared.
func (o *output) note(format string, args ...any) {
	if !o.json && !o.quiet {
		fmt.Fprintf(o.Err, format+"\n", args...)
	}
}

// warn tells a person what must not be overlooked.
func (o *output) warn(format string, args ...any) {
	if !o.json {
		fmt.Fprintf(o.Err, o.paint(yellow, "warning")+" "+format+"\n", args...)
	}
}

// fail tells of an error.
func (o *output) fail(e *control.Error) {
	shown := *e
	shown.Hints = make([]string, 0, len(e.Hints))
	for _, hint := range e.Hints {
		shown.Hints = append(shown.Hints, o.hints.say(hint))
	}
	if !o.json {
		io.WriteString(o.Err, o.errorText(&shown))
		return
	}
	if !o.verbose {
		shown.Detail = ""
	}
	o.line("error", &shown)
}

// errorText is an error as people read it: what, why and what helps.
func (o *output) errorText(e *control.Error) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", o.paint(red, "error "+e.Code+":"), indent(e.Message))
	if e.Why != "" {
		fmt.Fprintf(&b, "  why   %s\n", indent(e.Why))
	}
	if o.verbose && e.Detail != "" {
		fmt.Fprintf(&b, "  chain %s\n", indent(e.Detail))
	}
	for _, hint := range e.Hints {
		fmt.Fprintf(&b, "  try   %s\n", indent(hint))
	}
	return b.String()
}

// indent keeps the lines after the first below the first.
func indent(text string) string { return strings.ReplaceAll(text, "\n", "\n        ") }

// finish tells how the command ended and returns its exit code.
func (o *output) finish(ctx context.Context, err error) int {
	code := control.ExitDone
	var said exitCode
	switch {
	case errors.As(err, &said):
		code = int(said)
	case err != nil:
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = errors.Join(context.Cause(ctx), err)
		}
		e := explain(err)
		o.fail(e)
		code = e.Exit
	}
	if o.broken != nil && code == control.ExitDone {
		e := explain(fmt.Errorf("write to stdout: %w", o.broken))
		io.WriteString(o.Err, o.errorText(e))
		code = e.Exit
	}
	return code
}

// The colours, as ANSI escape sequences.
const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	reset  = "\x1b[0m"
)

func (o *output) paint(colour, text string) string {
	if o.plain {
		return text
	}
	return colour + text + reset
}
