package cli

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node/labour"
)

func workRunCommand() *command {
	return &command{
		name: "run", args: "[--input JSON] MODULE.wasm | -- CMD …", group: groupWork, brief: "do one unit here, without a mesh, in the sandbox: for those who write workers",
		details: "The result goes to stdout, what the program writes to stderr and its log lines to stderr. A\n" +
			"command's arguments that are files may be read by it. It ends with 14 when the unit fails.",
		min: 1, max: -1, want: "a module, or -- and a command", complete: kindFile,
		flags: []urfave.Flag{
			text("input", "JSON", "the unit's input: a JSON value, or - for stdin (default null)"),
			text("context", "JSON", "what the project tells its workers (default nothing)"),
		},
		run: runWorkRun,
	}
}

// trialResult is what a unit came to.
type trialResult struct {
	Output  json.RawMessage `json:"output"`
	Fuel    uint64          `json:"fuel"` // instructions; 0: not counted
	Seconds float64         `json:"seconds"`
}

func runWorkRun(ctx context.Context, s *session, c *urfave.Context) error {
	t := labour.Trial{
		Log:      func(text string) { s.out.note("%s", printable(text)) },
		Progress: func(percent float64, text string) { s.out.note("%.0f %%  %s", percent, printable(text)) },
	}
	if words := c.Args().Slice(); len(words) == 1 && strings.HasSuffix(words[0], ".wasm") {
		t.Module = words[0]
	} else {
		t.Argv = words
	}
	var err error
	if t.Input, err = s.jsonValue("input", c.String("input")); err != nil {
		return err
	}
	if t.Input == nil {
		t.Input = json.RawMessage("null")
	}
	if t.Context, err = s.jsonValue("context", c.String("context")); err != nil {
		return err
	}
	res, err := labour.Try(ctx, t)
	if err != nil {
		return err
	}
	s.out.result(trialResult{res.Data, res.Fuel, res.Wall.Seconds()}, string(res.Data))
	return nil
}

// maxTrialInput bounds what is read from stdin, in bytes.
const maxTrialInput = 16 << 20

// jsonValue reads a flag that holds a JSON value; nil when it was not given.
func (s *session) jsonValue(flag, given string) (json.RawMessage, error) {
	if given == "" {
		return nil, nil
	}
	value := []byte(given)
	if given == "-" {
		var err error
		if value, err = io.ReadAll(io.LimitReader(s.In, maxTrialInput)); err != nil {
			return nil, err
		}
	}
	if !json.Valid(value) {
		return nil, usage(93, "%s is no JSON value", s.named(flag)).Because("%.60q cannot be read as one", value).Try(`batchain work run --input '{"n": 1}' MODULE.wasm`)
	}
	return value, nil
}
