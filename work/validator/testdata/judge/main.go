// Command judge is a validator that is a module: it believes what most bees
// say. Of some inputs it does its worst, for a test.
//
//	GOOS=wasip1 GOARCH=wasm go build -o judge.wasm .
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

type line struct {
	Type  string
	ID    int
	Input struct {
		Input   json.RawMessage
		Results []json.RawMessage
	}
}

func main() {
	in := bufio.NewReader(os.Stdin)
	for {
		text, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			continue
		}
		switch l.Type {
		case "hello":
			fmt.Println(`{"type":"ready","proto":1}`)
		case "work":
			worst(string(l.Input.Input))
			verdict, _ := json.Marshal(judge(l.Input.Results))
			fmt.Printf(`{"type":"result","id":%d,"data":%s}`+"\n", l.ID, verdict)
		case "stop":
			return
		}
	}
}

type verdict struct {
	Valid bool            `json:"valid"`
	Data  json.RawMessage `json:"data,omitempty"`
}

// judge believes a result that more than half of the bees gave.
func judge(results []json.RawMessage) verdict {
	votes := map[string]int{}
	for _, r := range results {
		votes[string(r)]++
		if 2*votes[string(r)] > len(results) {
			return verdict{true, r}
		}
	}
	return verdict{}
}

func worst(input string) {
	switch input {
	case `"panics"`:
		panic("at /home/me/x.go:1")
	case `"hangs"`:
		for {
		}
	case `"grows"`:
		for all := []byte("x"); ; {
			all = append(all, all...)
		}
	case `"rubbish"`:
		fmt.Println(`{"type":"result","id":1,"data":"rubbish"}`)
		os.Exit(0)
	case `"lies"`:
		fmt.Println(`{"type":"result","id":1,"data":{"valid":true,"data":"no bee said so"}}`)
		os.Exit(0)
	}
}
