// Command worker adds up a part of the Leibniz series, whose sum is pi/4. The
// input of a unit is {"from": N, "count": N}, its result a number. Built with
// GOOS=wasip1 GOARCH=wasm it is a module, otherwise a native command.
package main

import (
	"bufio"
	"encoding/json"
	"os"
)

type line struct {
	Type    string          `json:"type"`
	Proto   int             `json:"proto,omitempty"`
	ID      uint64          `json:"id,omitempty"`
	Input   json.RawMessage `json:"input,omitempty"`
	Data    any             `json:"data,omitempty"`
	Code    string          `json:"code,omitempty"`
	Message string          `json:"message,omitempty"`
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
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
			out.Encode(line{Type: "ready", Proto: 1})
		case "work":
			out.Encode(work(l))
		case "ping":
			out.Encode(line{Type: "pong", ID: l.ID})
		case "stop":
			return
		}
	}
}

func work(l line) line {
	var unit struct{ From, Count *int64 }
	if err := json.Unmarshal(l.Input, &unit); err != nil || unit.From == nil || unit.Count == nil {
		return line{Type: "error", ID: l.ID, Code: "input", Message: "from and count are needed"}
	}
	sum := 0.0
	for k := *unit.From; k < *unit.From+*unit.Count; k++ {
		term := 1 / float64(2*k+1)
		if k%2 == 1 {
			term = -term
		}
		sum += term
	}
	return line{Type: "result", ID: l.ID, Data: sum}
}
