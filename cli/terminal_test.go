package cli_test

import (
	"bytes"
	"io"
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// onTerminal runs a program whose stdin, stdout and stderr are a terminal, which
// script(1) of util-linux makes. The file answers is typed at once; Ctrl-C is
// typed when the bar of the file hang is drawn, or a node says that it is ready.
func onTerminal(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	line := ""
	for _, word := range args[1:] {
		line += " '" + word + "'"
	}
	cmd := command(ts, "sh", []string{"-c", `exec script -q -e -c "stty cols 100 rows 24; exec $0" /dev/null`, line})
	stdin, err := cmd.StdinPipe()
	ts.Check(err)
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	if typed, err := os.ReadFile(ts.MkAbs("answers")); err == nil {
		stdin.Write(typed)
	}
	var shown []byte
	stopped, buf := false, make([]byte, 4<<10)
	for err == nil {
		var n int
		n, err = stdout.Read(buf)
		shown = append(shown, buf[:n]...)
		if !stopped && (bytes.Contains(shown, []byte("hang  place")) || bytes.Contains(shown, []byte("\nready"))) {
			stopped = true
			stdin.Write([]byte{3})
		}
	}
	if err != io.EOF {
		ts.Check(err)
	}
	ts.Logf("[terminal]\n%s", shown)
	ts.Check(os.WriteFile(ts.MkAbs("terminal"), shown, 0o600))
	checkCode(ts, cmd.Wait(), want)
}
