package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
)

func keyCommand() *command {
	return &command{
		name: "key", args: "export", group: groupFiles, brief: "the key that all your files hang on",
		subs: []*command{{
			name: "export", group: groupFiles, brief: "show the owner's key as 24 words, to be written on paper",
			details: "Whoever has the words owns every file: batchain recover brings all of them back from the\n" +
				"mesh, with nothing else. Write them down, and keep them where the machine is not.",
			flags: []urfave.Flag{yes("paper", "as 24 words (the one form there is)")},
			run:   runKeyExport,
		}},
	}
}

func runKeyExport(_ context.Context, s *session, c *urfave.Context) error {
	if !c.Bool("paper") {
		return usage(76, "key export needs --paper").Because("it shows the key on the screen").Try("batchain key export --paper")
	}
	if !node.HasOwnerKey(s.home) {
		return control.NewError(control.ExitNotFound, 53, "the home has no owner's key yet").
			Because("the first put or the first start of a node makes it in %s", s.home).Try("batchain node", "batchain put FILE")
	}
	seed, err := node.LoadOwnerKey(s.home)
	if err != nil {
		return err
	}
	words := seed.Phrase()
	text := paper(words)
	if s.out.quiet {
		text = strings.Join(words, " ")
	}
	s.out.result(map[string]any{"words": words}, text)
	s.out.note("next    write them down; batchain recover takes them on an empty machine")
	return nil
}

// paper sets the words in numbered columns.
func paper(words []string) string {
	var rows [][]string
	for i := range (len(words) + 3) / 4 {
		var row []string
		for at := 4 * i; at < min(4*i+4, len(words)); at++ {
			row = append(row, fmt.Sprintf("%2d %s", at+1, words[at]))
		}
		rows = append(rows, row)
	}
	return grid(rows)
}

func recoverCommand() *command {
	return &command{
		name: "recover", group: groupFiles, brief: "bring all files back from the 24 words",
		details: "It reads the words from stdin, makes the owner's key of them, and finds the list of your\n" +
			"files and their manifests in the mesh; batchain get then brings each one back. Without words\n" +
			"it goes by the key that the home has. The same command again finds what was missing.",
		run: runRecover,
	}
}

func runRecover(ctx context.Context, s *session, _ *urfave.Context) error {
	if err := s.takeWords(ctx); err != nil {
		return err
	}
	s.resume = "the same command again looks for the rest"
	var res control.RecoverResult
	bar := s.meter("recover")
	defer bar.close()
	err := s.ask(ctx, true, func(ctx context.Context, client *control.Client) error {
		var err error
		res, err = client.Recover(ctx, control.RecoverRequest{}, bar.update)
		return err
	})
	bar.close()
	if err != nil {
		return err
	}
	s.out.result(res, fmt.Sprintf("recovered %d of %d files; batchain ls lists them", res.Recovered, res.Files))
	if len(res.Missing) > 0 {
		s.out.warn("no host gave the manifest of %d: %s", len(res.Missing), strings.Join(res.Missing, " "))
		return exitCode(control.ExitShortfall)
	}
	return nil
}

// maxWords bounds what is read as words, in bytes.
const maxWords = 4 << 10

// takeWords makes the home's owner key of the words on stdin. No words leave
// the key as it is.
func (s *session) takeWords(ctx context.Context) error {
	text, err := s.words(ctx)
	if err != nil {
		return err
	}
	if strings.TrimSpace(text) == "" {
		if !node.HasOwnerKey(s.home) {
			return usage(77, "no words came, and the home has no key").Because("there is no owner.key in %s", s.home).
				Try("batchain recover, and type the 24 words")
		}
		return nil
	}
	seed, err := shard.ParsePhrase(text)
	if err != nil {
		return control.NewError(control.ExitPermission, 53, "these are not the words of a key").Wrap(err).Because("%v", err).
			Try("compare them with the paper, word by word")
	}
	var busy *node.HomeBusy
	err = node.AdoptOwnerKey(s.home, seed)
	switch {
	case errors.Is(err, node.ErrOtherOwner):
		return control.NewError(control.ExitPermission, 54, "the home belongs to another key").Wrap(err).
			Because("%s has files that only its own key can delete and recover", s.home).Try("--home DIR, an empty one")
	case errors.As(err, &busy):
		return control.NewError(control.ExitHomeBusy, 51, "the node that runs on this home has another key").Wrap(err).
			Because("process %d holds %s", busy.PID, s.home).Try("the same command once that node has ended", "--home DIR, an empty one")
	}
	return err
}

// words asks a person, and takes what a script sends.
func (s *session) words(ctx context.Context) (string, error) {
	if isTerminal(s.In) {
		return s.question(ctx, "the 24 words; nothing for the key that this home has", "")
	}
	text, err := io.ReadAll(io.LimitReader(s.In, maxWords+1))
	if err != nil {
		return "", fmt.Errorf("read the words: %w", err)
	}
	if len(text) > maxWords {
		return "", usage(78, "that is more than 24 words").Because("%d bytes and more came on stdin", maxWords)
	}
	return string(text), nil
}
