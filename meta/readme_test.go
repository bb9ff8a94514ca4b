package meta

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// console finds the blocks of the README that are meant to be typed.
var console = regexp.MustCompile("(?s)```console\n(.*?)```")

// readmeCommands returns what the README tells people to type, in order: those
// of the repository, and those of the installed program.
func readmeCommands(t *testing.T) (ofRepository, ofProgram []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range console.FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			command, typed := strings.CutPrefix(strings.TrimSpace(line), "$ ")
			switch {
			case !typed:
			case strings.HasPrefix(command, "go "):
				ofRepository = append(ofRepository, command)
			default:
				ofProgram = append(ofProgram, command)
			}
		}
	}
	return ofRepository, ofProgram
}

// The commands that need the repository are steps of .ci/run: run from here,
// the tests would run themselves.
func TestReadmeCommandsAreRunByCI(t *testing.T) {
	script, err := os.ReadFile(filepath.Join("..", ".ci", "run"))
	if err != nil {
		t.Fatal(err)
	}
	commands, _ := readmeCommands(t)
	if len(commands) != 2 {
		t.Errorf("the README has %d commands for the repository, want the demo and the tests: %q", len(commands), commands)
	}
	for _, command := range commands {
		if !strings.Contains(string(script), command) {
			t.Errorf(".ci/run does not run %q", command)
		}
	}
}

func TestReadmeSession(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: it builds the program")
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("skipped: there is no bash here")
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "bin", "batchain"), "./cli/batchain")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	_, commands := readmeCommands(t)
	if len(commands) < 5 {
		t.Fatalf("the README has only %d commands of the program", len(commands))
	}
	session := exec.Command(bash, "-ex", "-o", "pipefail")
	session.Stdin = strings.NewReader(strings.Join(commands, "\n"))
	session.Dir = t.TempDir()
	session.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), "HOME="+t.TempDir(),
		"PATH="+filepath.Join(dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	if out, err := session.CombinedOutput(); err != nil {
		t.Fatalf("the README's session: %v\n%s", err, out)
	}
}
