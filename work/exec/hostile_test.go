package exec

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// hostileWord is the first argument of the test binary as a hostile worker.
const hostileWord = "hostile-worker"

// hostile is a native worker that does its worst, in the way that its last
// argument names. The test binary becomes it.
func hostile(way string) {
	in := newLineReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	for {
		text, err := in.next()
		if err != nil {
			return
		}
		m, err := parseMessage(text)
		if err != nil {
			return
		}
		switch m.Type {
		case typeHello:
			if way == "never ready" {
				os.Exit(3)
			}
			fmt.Fprintln(out, `{"type":"ready","proto":1}`)
		case typeWork:
			misbehave(way, m, out)
		case typeValidate:
			misbehave(way, m, out)
		case typeStop:
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
	}
}

func misbehave(way string, m message, out io.Writer) {
	switch way {
	case "hangs":
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "dies":
		os.Exit(3)
	case "panics":
		panic("at the disco")
	case "floods":
		for {
			fmt.Fprintln(out, `{"type":"log","message":"la la la"}`)
		}
	case "no end of line":
		for {
			fmt.Fprint(out, strings.Repeat("la", 1000))
		}
	case "garbage":
		fmt.Fprintf(out, "la la la\n\xff\n[1]\n")
	case "allocates":
		for kept := [][]byte{}; ; {
			block := make([]byte, 16<<20)
			for i := 0; i < len(block); i += 4096 {
				block[i] = 1
			}
			kept = append(kept, block)
		}
	case "claims fuel":
		fmt.Fprintf(out, `{"type":"error","id":%d,"code":"fuel","fuel":7,"message":"a\u001b[31m\nb"}`+"\n", m.ID)
	case "answers another":
		fmt.Fprintf(out, `{"type":"result","id":%d,"data":1}`+"\n", m.ID+1)
		fmt.Fprintf(out, `{"type":"result","id":%d,"data":2}`+"\n", m.ID)
	case "half a line":
		fmt.Fprintf(out, `{"type":"result","id":%d,"data":1}`, m.ID)
		if f, ok := out.(*bufio.Writer); ok {
			f.Flush()
		}
		os.Exit(0)
	case "files":
		for i := 0; ; i++ {
			if err := os.WriteFile(fmt.Sprint(i), nil, 0o600); err != nil {
				panic(err)
			}
		}
	case "deep":
		for os.Mkdir("d", 0o700) == nil && os.Chdir("d") == nil {
		}
		select {}
	case "hidden memory":
		hiddenMemory()
	case "goes on":
		fmt.Fprintf(out, `{"type":"result","id":%d,"data":1}`+"\n", m.ID)
		go func() {
			for {
				runtime.Gosched()
			}
		}()
	case "escapes":
		attempts := attempts(m)
		data, _ := json.Marshal(attempts)
		fmt.Fprintf(out, `{"type":"result","id":%d,"data":%s}`+"\n", m.ID, data)
	}
}
