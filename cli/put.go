package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
)

func putCommand() *command {
	return &command{
		name: "put", args: "FILE|DIR…|-", group: groupFiles, brief: "store files and folders in the mesh",
		details: "A file is encrypted here, cut into shards and placed on other people's nodes. It is\n" +
			"stored when every shard is under receipt; until then the command does not end well.\n" +
			"The same command again resumes. A folder is stored as one, with names, modes, times and\n" +
			"links; - stands for stdin.",
		min: 1, max: -1, want: "a file or folder, or - for stdin", complete: kindFile,
		flags: []urfave.Flag{
			text("name", "NAME", "what the file is known by (default its own name)"),
			text("scheme", "D+P", "shards per segment: any D of the D+P bring it back"),
			text("durability", "HOW", "low, normal or archive"),
			list("host", "PEER…", "place it on these peers only; may be repeated"),
			yes("allow-colocate", "several shards of a segment on one host"),
			number("keepers", 3, "peers that look after the file while you are away; 0 for none"),
			text("expires", "DUR", "let it go after so long: 30d, 1y (default: kept for ever, in leases of 60d)"),
			text("manifest", "OUT", "write the manifest here too"),
			text("bwlimit", "RATE", "send no more bytes per second: 500kB, 2MiB"),
		},
		run: runPut,
	}
}

func runPut(ctx context.Context, s *session, c *urfave.Context) error {
	base, err := s.putOptions(c)
	if err != nil {
		return err
	}
	args := c.Args().Slice()
	if len(args) == 1 {
		code, err := s.putOne(ctx, base, args[0])
		if err == nil && code != control.ExitDone {
			return exitCode(code)
		}
		return err
	}
	return s.putSeveral(ctx, base, args)
}

// putSeveral stores one file after the other. What goes wrong with one does
// not keep the next from being stored; the worst decides.
func (s *session) putSeveral(ctx context.Context, base control.PutRequest, args []string) error {
	if base.Name != "" || base.Manifest != "" {
		return usage(64, "--name and --manifest are for one file").Because("%d are given", len(args))
	}
	worst, failed := control.ExitDone, 0
	for _, arg := range args {
		code, err := s.putOne(ctx, base, arg)
		if ctx.Err() != nil && err != nil {
			return err
		}
		if err != nil {
			failed++
			e := explain(err)
			e.Message = arg + ": " + e.Message
			s.out.fail(e)
			code = e.Exit
		}
		worst = worse(worst, code)
	}
	if failed > 0 && s.out.json {
		s.out.line("error", control.NewError(worst, 90, "%d of %d files were not stored", failed, len(args)))
	}
	if worst != control.ExitDone {
		return exitCode(worst)
	}
	return nil
}

func (s *session) putOptions(c *urfave.Context) (control.PutRequest, error) {
	req := control.PutRequest{
		Name: c.String("name"), Scheme: c.String("scheme"), Durability: c.String("durability"),
		Hosts: c.StringSlice("host"), AllowColocate: c.Bool("allow-colocate"), Size: -1,
	}
	if keepers := c.Int("keepers"); c.IsSet("keepers") {
		if keepers < 0 || keepers > shard.MaxKeepers {
			return req, usage(79, "--keepers cannot be %d", keepers).Because("0 to %d are", shard.MaxKeepers)
		}
		req.Keepers = &keepers
	}
	var err error
	if req.Scheme != "" {
		if _, err := shard.ParseScheme(req.Scheme); err != nil {
			return req, usage(65, "%s cannot be %q", s.named("scheme"), req.Scheme).Because("%s", err).Try("--scheme 4+4")
		}
	}
	switch req.Durability {
	case "", "low", "normal", "archive":
	default:
		return req, usage(66, "%s cannot be %q", s.named("durability"), req.Durability).Because("low, normal and archive are")
	}
	if given := c.String("expires"); given != "" {
		if req.Expires, err = parseDuration(s.named("expires"), given); err != nil {
			return req, err
		}
	}
	if given := c.String("bwlimit"); given != "" {
		if req.BandwidthLimit, err = parseSize(s.named("bwlimit"), given); err != nil {
			return req, err
		}
	}
	if given := c.String("manifest"); given != "" {
		req.Manifest, err = filepath.Abs(given)
	}
	return req, err
}

// putOne stores one file and tells of it.
func (s *session) putOne(ctx context.Context, req control.PutRequest, arg string) (int, error) {
	body, err := s.source(&req, arg)
	if err != nil {
		return 0, err
	}
	if body != nil {
		defer body.Close()
	}
	var res control.PutResult
	bar := s.meter(req.Name)
	defer bar.close()
	err = s.ask(ctx, body == nil, func(ctx context.Context, client *control.Client) error {
		var in io.Reader
		if body != nil {
			in = body
		}
		var err error
		res, err = client.Put(ctx, req, in, bar.update)
		return err
	})
	bar.close()
	if err != nil {
		return 0, err
	}
	return s.putDone(res), nil
}

// putDone tells what was stored and returns the exit code.
func (s *session) putDone(res control.PutResult) int {
	text := fmt.Sprintf("stored  %s  %s  scheme %s  hosts %d  keepers %d  id %s",
		printable(res.Name), humanize.IBytes(uint64(res.Size)), res.Scheme, res.Hosts, res.Keepers, res.ID)
	if s.out.quiet {
		text = res.ID
	}
	s.out.result(res, text)
	if res.Shortfall != "" {
		s.out.warn("%s", printable(res.Shortfall))
		return control.ExitShortfall
	}
	s.out.note("next    %s", s.out.hints.say("batchain -d "+short(res.ID)))
	return control.ExitDone
}

// short is as much of an id as people type.
func short(id string) string { return id[:min(8, len(id))] }

// printable is text of somebody else's, made fit for one line of a terminal.
func printable(text string) string {
	b := []rune(text)
	for i, r := range b {
		if !utf8.ValidRune(r) || r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			b[i] = '?'
		}
	}
	return string(b)
}
