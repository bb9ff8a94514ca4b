package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
)

func lsCommand() *command {
	return &command{
		name: "ls", args: "[REF]", group: groupFiles, brief: "list my files",
		details: "HEALTH is how many hosts may be lost, whichever they are, of those that might be lost when\n" +
			"all shards are placed: as the last check found it (CHECKED), else as the manifest says. No node\n" +
			"is asked, and none need run; batchain audit checks.",
		max: 1, complete: kindRef,
		run: runList,
	}
}

// fileLine is a file as ls --json shows it.
type fileLine struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Size     int64      `json:"size"`
	Manifest string     `json:"manifest"`
	Scheme   string     `json:"scheme"`
	Segments int        `json:"segments"`
	Hosts    int        `json:"hosts"`
	Margin   int        `json:"margin"`
	Full     int        `json:"full_margin"`
	AtRisk   int64      `json:"at_risk"` // bytes in segments with at most half of the full margin
	Lost     int        `json:"lost"`    // segments that could not be had at the last check
	Gone     int        `json:"gone"`    // of them, those that no silent host could bring back
	Expires  *time.Time `json:"expires"` // null: never
	Checked  *time.Time `json:"checked"` // null: never
	Folder   bool       `json:"folder"`
	Repair   bool       `json:"repair"`
	Put      time.Time  `json:"put"`
	Error    string     `json:"error,omitempty"`
}

func lineOf(f node.File) fileLine {
	l := fileLine{ID: f.ID, Name: f.Name, Size: f.Size, Manifest: f.Path, Scheme: f.Scheme.String(), Segments: f.Segments,
		Hosts: f.Hosts, Margin: f.Margin, Full: f.Scheme.Parity, Folder: f.Folder, Repair: f.Repair, Put: f.Put}
	if h := f.Health; h != nil {
		l.Hosts, l.Margin, l.Full, l.AtRisk, l.Lost, l.Gone, l.Checked = h.Hosts, h.Margin, h.FullMargin, h.AtRisk, h.Lost, h.Gone, &h.Checked
	}
	if f.Err != nil {
		l.Scheme, l.Error = "", f.Err.Error()
	}
	if !f.Expires.IsZero() {
		l.Expires = &f.Expires
	}
	return l
}

func runList(_ context.Context, s *session, c *urfave.Context) error {
	files, err := s.files(c.Args().First())
	if err != nil {
		return err
	}
	broken := 0
	rows := [][]string{{"ID", "NAME", "SIZE", "HEALTH", "CHECKED", "AGE"}}
	for _, f := range files {
		if f.Err != nil {
			broken++
		}
		if s.out.json {
			s.out.line("file", lineOf(f))
			continue
		}
		rows = append(rows, s.row(f))
	}
	switch {
	case s.out.json:
	case s.out.quiet:
		for _, f := range files {
			s.out.print("%s", f.ID)
		}
	case len(files) == 0:
		s.out.note("no files yet; %s puts one", s.out.hints.say("batchain -u FILE"))
	default:
		s.out.print("%s", grid(rows))
	}
	if broken > 0 {
		s.out.warn("%s cannot be read; %s says why", english.Plural(broken, "manifest", ""), s.out.hints.say("batchain manifest show"))
		return exitCode(control.ExitShortfall)
	}
	return nil
}

// files lists all files, or the one that ref means.
func (s *session) files(ref string) ([]node.File, error) {
	if ref == "" {
		return node.Files(s.home)
	}
	path, err := s.resolve(ref)
	if err != nil {
		return nil, err
	}
	f := node.Describe(path)
	return []node.File{f}, f.Err
}

// row is a file in columns.
func (s *session) row(f node.File) []string {
	l := lineOf(f)
	name, size, health, checked := printable(f.Name), humanize.IBytes(uint64(f.Size)), fmt.Sprintf("%d/%d", l.Margin, l.Full), "never"
	if f.Folder {
		name += "/"
	}
	if l.Checked != nil {
		checked = age(time.Since(*l.Checked))
	}
	switch {
	case f.Err != nil:
		name, size, health = "?", "?", "MANIFEST DAMAGED"
	case f.Repair:
		name, size = "(repair only)", "?"
	case l.Margin < 0 && (l.Gone > 0 || l.Checked == nil):
		health = "LOST"
	case l.Margin < 0:
		health = "NOT NOW"
	case l.Expires != nil && l.Expires.Before(time.Now()):
		health = "EXPIRED"
	case l.AtRisk > 0:
		health += ", " + humanize.IBytes(uint64(l.AtRisk)) + " at risk"
	}
	return []string{f.ID, name, size, health, checked, age(time.Since(f.Put))}
}

// age is a time span in one number.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/(24*time.Hour))
}

// grid aligns rows below each other.
func grid(rows [][]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	if w.Flush() != nil { // a builder takes everything
		return ""
	}
	return strings.TrimRight(b.String(), "\n")
}

// resolve finds the manifest that a REF means.
func (s *session) resolve(ref string) (string, error) { return node.Resolve(s.home, ref) }

// readPrivate checks a manifest and returns what only a reader may know.
func readPrivate(manifest string) (shard.Private, error) {
	f := node.Describe(manifest)
	if f.Err != nil {
		return shard.Private{}, f.Err
	}
	if f.Repair {
		return shard.Private{}, control.NewError(control.ExitPermission, 51, "%s is a repair manifest", manifest).
			Because("it repairs the file and cannot read it").Try("use the read manifest")
	}
	return shard.Private{Name: f.Name, Size: f.Size, Folder: f.Folder}, nil
}

// refCandidates are the ids and names of the home's files.
func refCandidates(home string) []candidate {
	files, err := node.Files(home)
	if err != nil {
		return nil
	}
	var found []candidate
	for _, f := range files {
		found = append(found, candidate{f.ID, f.Name})
		if f.Name != "" && f.Name == printable(f.Name) {
			found = append(found, candidate{f.Name, f.ID})
		}
	}
	return found
}
