// Command worker adds up a part of the Leibniz series, whose sum is pi/4. The
// input of a unit is {"from": N, "count": N}, its result a number. Built with
// GOOS=wasip1 GOARCH=wasm it is a module, otherwise a native command. It can go on
// where it was interrupted.
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
	Saved   state           `json:"checkpoint,omitzero"`
	Data    any             `json:"data,omitempty"`
	Code    string          `json:"code,omitempty"`
	Message string          `json:"message,omitempty"`
}

// state is where it is: terms that it has added up, and their sum, which JSON keeps
// to the last bit.
type state struct {
	Done int64   `json:"done"`
	Sum  float64 `json:"sum"`
}

// saved is how many terms it adds up from one checkpoint to the next: a tenth of a
// second or so.
const saved = 20_000_000

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
			out.Encode(work(l, func(s state) { out.Encode(line{Type: "checkpoint", ID: l.ID, Data: s}) }))
		case "ping":
			out.Encode(line{Type: "pong", ID: l.ID})
		case "stop":
			return
		}
	}
}

func work(l line, save func(state)) line {
	var unit struct{ From, Count *int64 }
	if err := json.Unmarshal(l.Input, &unit); err != nil || unit.From == nil || unit.Count == nil {
		return line{Type: "error", ID: l.ID, Code: "input", Message: "from and count are needed"}
	}
	s := l.Saved
	for s.Done < *unit.Count {
		k := *unit.From + s.Done
		term := 1 / float64(2*k+1)
		if k%2 == 1 {
			term = -term
		}
		s.Sum += term
		if s.Done++; s.Done%saved == 0 {
			save(s)
		}
	}
	return line{Type: "result", ID: l.ID, Data: s.Sum}
}
