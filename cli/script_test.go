package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/batchain/batchain/cli"
	"github.com/batchain/batchain/node/control"
	workexec "github.com/batchain/batchain/work/exec"
	"github.com/batchain/batchain/work/guesttest"
)

func TestMain(m *testing.M) {
	workexec.BeChild()
	beAttacker()
	run := func() { os.Exit(cli.Main()) }
	testscript.Main(m, map[string]func(){"batchain": run, "batchain-sample": run})
}

// TestScripts plays command lines in processes of their own, in a folder with
// the module square.wasm, whose result is the square of its input. Beyond what
// testscript knows, the scripts may say:
//
//	exits CODE PROGRAM ARG…        runs a program that must end with the code
//	interrupts CODE PROGRAM ARG…   the same, with a SIGINT once it hangs in the fake node
//	stops CODE WORD PROGRAM ARG…   the same, once it has said the word on stdout
//	fakenode                       serves the usual home; see fakeNode
//	manifest NAME VAR              makes a file's manifest in the usual home; its id is in $VAR
//	startnode NAME ARG…            runs a node until it is ready; its address is in $NAME
//	startjoin NAME ARG…            the same with join
//	terminal CODE PROGRAM ARG…     exits on a terminal; what it showed is in the file terminal
//	stopnode NAME                  ends it with SIGTERM; it must end with 0
//	until PATTERN PROGRAM ARG…     runs a program again and again until its stdout matches; negated, until it does not
//	ndjson                         the last stdout must be NDJSON with types, its stderr empty
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "user"))
			env.Setenv("BASH_ENV", "")
			if err := os.WriteFile(filepath.Join(env.WorkDir, "square.wasm"), guesttest.Square(), 0o600); err != nil {
				return err
			}
			s := &scene{nodes: map[string]*running{}}
			env.Values[sceneKey{}] = s
			env.Defer(s.close)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Getuid() == 0, nil
			case "python":
				_, err := os.Stat("/usr/bin/python3")
				return err == nil && commandsHold(), nil
			}
			return false, errors.New("no such condition")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "interrupts": interrupts, "stops": stops, "fakenode": serveFake, "manifest": addManifest,
			"startnode": startNode, "startjoin": startJoin, "stopnode": stopNode, "ndjson": ndjson, "terminal": onTerminal, "until": until,
		},
	})
}

// commandsHold reports whether every layer of the sandbox holds here.
func commandsHold() bool {
	return !slices.ContainsFunc(workexec.Layers(), func(l workexec.Layer) bool { return !l.Holds })
}

type sceneKey struct{}

// scene is what one script has running.
type scene struct {
	fake  *fakeNode
	stop  func()
	nodes map[string]*running
}

func sceneOf(ts *testscript.TestScript) *scene { return ts.Value(sceneKey{}).(*scene) }

func (s *scene) close() {
	if s.stop != nil {
		s.stop()
	}
	for _, n := range s.nodes {
		n.cmd.Process.Kill()
		n.cmd.Wait()
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	checkCode(ts, ts.Exec(args[1], args[2:]...), want)
}

// untilLimit is how long until waits.
const untilLimit = time.Minute

func until(ts *testscript.TestScript, neg bool, args []string) {
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	for end := time.Now().Add(untilLimit); ; {
		out, err := command(ts, args[1], args[2:]).Output()
		ts.Check(err)
		if pattern.Match(out) != neg {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("after %s it says %s", untilLimit, out)
		}
		<-time.After(200 * time.Millisecond)
	}
}

func checkCode(ts *testscript.TestScript, err error, want int) {
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, not %d", code, want)
	}
}

// command prepares a program with the script's environment and folder.
func command(ts *testscript.TestScript, name string, args []string) *exec.Cmd {
	var path string
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			path = filepath.Join(dir, name)
			break
		}
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = ts.MkAbs(".")
	for _, key := range []string{"PATH", "HOME", "TMPDIR", "NO_COLOR"} {
		cmd.Env = append(cmd.Env, key+"="+ts.Getenv(key))
	}
	return cmd
}

func interrupts(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var stdout, stderr strings.Builder
	cmd := command(ts, args[1], args[2:])
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	ts.Check(cmd.Start())
	<-sceneOf(ts).fake.called
	ts.Check(cmd.Process.Signal(os.Interrupt))
	checkCode(ts, cmd.Wait(), want)
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(stdout.String()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), []byte(stderr.String()), 0o600))
}

func stops(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := command(ts, args[2], args[3:])
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	told := false
	var said strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if !told && strings.Contains(lines.Text(), args[1]) {
			told = true
			ts.Check(cmd.Process.Signal(os.Interrupt))
		}
	}
	ts.Logf("[stdout]\n%s", said.String())
	checkCode(ts, cmd.Wait(), want)
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(said.String()), 0o600))
}

func serveFake(ts *testscript.TestScript, neg bool, args []string) {
	s := sceneOf(ts)
	home := filepath.Join(ts.Getenv("HOME"), ".batchain")
	ts.Check(os.MkdirAll(home, 0o700))
	ln, err := net.Listen("unix", filepath.Join(home, "control.sock"))
	ts.Check(err)
	s.fake = &fakeNode{called: make(chan struct{}, 16)}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { control.NewServer(s.fake, http.HandlerFunc(fakeEvents)).Serve(ctx, ln) })
	s.stop = func() { cancel(); serving.Wait() }
}

func addManifest(ts *testscript.TestScript, neg bool, args []string) {
	path, err := writeManifest(filepath.Join(ts.Getenv("HOME"), ".batchain", "manifests"), args[0])
	ts.Check(err)
	ts.Setenv(args[1], strings.TrimSuffix(filepath.Base(path), ".batchain"))
}

// running is a node in a process of its own.
type running struct {
	cmd *exec.Cmd
	out chan string // all of its stdout, when it has ended
}

func startNode(ts *testscript.TestScript, neg bool, args []string) {
	start(ts, args[0], append([]string{"node", "--listen", "/ip4/127.0.0.1/tcp/0"}, args[1:]...))
}

func startJoin(ts *testscript.TestScript, neg bool, args []string) {
	start(ts, args[0], append([]string{"join", "--no-mdns"}, args[1:]...))
}

// start runs a node until it says that it is ready.
func start(ts *testscript.TestScript, name string, args []string) {
	cmd := command(ts, "batchain", append(args, "--home", ts.MkAbs(name), "--log-level", "error"))
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	n := &running{cmd: cmd, out: make(chan string, 1)}
	sceneOf(ts).nodes[name] = n
	lines, said := bufio.NewScanner(stdout), ""
	for lines.Scan() {
		said += lines.Text() + "\n"
		if addr, ok := strings.CutPrefix(lines.Text(), "address  "); ok && ts.Getenv(name) == "" {
			ts.Setenv(name, addr)
		}
		if lines.Text() == "ready" || strings.HasPrefix(lines.Text(), `{"type":"ready"`) {
			go func() {
				for lines.Scan() {
					said += lines.Text() + "\n"
				}
				n.out <- said
			}()
			return
		}
	}
	ts.Fatalf("node %s is not ready: %s", name, said)
}

func stopNode(ts *testscript.TestScript, neg bool, args []string) {
	s := sceneOf(ts)
	n := s.nodes[args[0]]
	delete(s.nodes, args[0])
	ts.Check(n.cmd.Process.Signal(syscall.SIGTERM))
	said := <-n.out
	checkCode(ts, n.cmd.Wait(), 0)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".out"), []byte(said), 0o600))
}

func ndjson(ts *testscript.TestScript, neg bool, args []string) {
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		var object struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal([]byte(line), &object); err != nil || object.Type == "" {
			ts.Fatalf("%q is no object with a type: %v", line, err)
		}
	}
	if text := ts.ReadFile("stderr"); text != "" {
		ts.Fatalf("stderr: %s", text)
	}
}
