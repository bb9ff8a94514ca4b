// Command program is a worker of the line protocol that does what programs do: it
// computes, hashes and parses. Built with GOOS=wasip1 GOARCH=wasm it is a module,
// otherwise a native command. The input of a unit is {"task": NAME, "count": N}.
package main

import (
	"bufio"
	"crypto/sha256"
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
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		text, err := in.ReadBytes('\n')
		var l line
		if err != nil || json.Unmarshal(text, &l) != nil {
			return
		}
		switch l.Type {
		case "hello":
			_ = out.Encode(line{Type: "ready", Proto: 1}) // who does not read it has gone
		case "work":
			_ = out.Encode(do(l))
		case "stop":
			return
		}
	}
}

var tasks = map[string]func(int) (any, error){"pi": pi, "sha256": hash, "json": parse}

func do(l line) line {
	var unit struct {
		Task  string
		Count int
	}
	err := json.Unmarshal(l.Input, &unit)
	task := tasks[unit.Task]
	if err != nil || task == nil {
		return line{Type: "error", ID: l.ID, Code: "input", Message: "no such task"}
	}
	data, err := task(unit.Count)
	if err != nil {
		return line{Type: "error", ID: l.ID, Code: "task", Message: err.Error()}
	}
	return line{Type: "result", ID: l.ID, Data: data}
}

// pi adds up terms of the Leibniz series, all in whole numbers.
func pi(terms int) (any, error) {
	const scale = 4_000_000_000_000_000
	sum := int64(0)
	for k := range int64(terms) {
		term := scale / (2*k + 1)
		if k%2 == 1 {
			term = -term
		}
		sum += term
	}
	return sum, nil
}

// hash hashes a KiB, and that hash with it again.
func hash(blocks int) (any, error) {
	block := make([]byte, 1024)
	for range blocks {
		sum := sha256.Sum256(block)
		copy(block, sum[:])
	}
	return block[:4], nil
}

const document = `{"name": "unit", "values": [1, 2.5, -3e4, true, null, "text"], "more": {"deep": {"deeper": [{"a": 1}, {"b": 2}]}}}`

// parse reads a document as often as it is told.
func parse(times int) (any, error) {
	fields := 0
	for range times {
		var parsed map[string]any
		if err := json.Unmarshal([]byte(document), &parsed); err != nil {
			return nil, err
		}
		fields += len(parsed)
	}
	return fields, nil
}
