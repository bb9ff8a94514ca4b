// Command source cuts the Leibniz series into units, believes results that are
// all the same, and adds them up. Its context is {"units": N, "count": N}.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

type object map[string]any

// line is what comes in.
type line struct {
	Type    string
	ID, Seq uint64
	Context struct{ Units, Count int }
	Results []json.RawMessage
	Data    json.RawMessage
}

func main() {
	var units, count, made int
	chunks := map[uint64]float64{}
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
			units, count = l.Context.Units, l.Context.Count
			out.Encode(object{"type": "ready", "proto": 1})
		case "next":
			if made == units {
				out.Encode(object{"type": "none", "id": l.ID})
				break
			}
			out.Encode(object{"type": "unit", "id": l.ID, "input": object{"from": made * count, "count": count}})
			made++
		case "validate":
			out.Encode(verdict(l))
		case "chunk":
			var sum float64
			json.Unmarshal(l.Data, &sum)
			chunks[l.Seq] = sum // the same one may come twice
			out.Encode(object{"type": "ok", "id": l.ID})
			out.Encode(object{"type": "log", "message": fmt.Sprintf("%d chunks", len(chunks))})
		case "ping":
			out.Encode(object{"type": "pong", "id": l.ID})
		case "stop":
			return
		}
	}
}

func verdict(l line) object {
	for _, result := range l.Results {
		if !bytes.Equal(result, l.Results[0]) {
			return object{"type": "verdict", "id": l.ID, "valid": false}
		}
	}
	return object{"type": "verdict", "id": l.ID, "valid": true, "data": l.Results[0]}
}
