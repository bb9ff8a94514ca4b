// Command source cuts the Leibniz series into units, believes results that are
// all the same, and adds them up.
//
//	source [FILE]
//
// Its context is {"units": N, "count": N}. What came of the units is kept in FILE,
// one JSON object a line, and is on the disk before it says ok: started again, it
// has everything that it had.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
)

type object map[string]any

// line is what comes in.
type line struct {
	Type          string
	ID, Seq       uint64
	Context       struct{ Units, Count uint64 }
	Results       []json.RawMessage
	Data          json.RawMessage
	Code, Message string
}

func main() {
	results := &journal{chunks: map[uint64]float64{}}
	if len(os.Args) > 1 {
		results.open(os.Args[1])
	}
	var units, count uint64
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
		case "next": // the number says which: there is nothing to remember
			if l.Seq < units {
				out.Encode(object{"type": "unit", "id": l.ID, "input": object{"from": l.Seq * count, "count": count}})
			} else {
				out.Encode(object{"type": "none", "id": l.ID})
			}
		case "validate":
			out.Encode(verdict(l))
		case "chunk":
			var sum float64 // 0, where the unit came to nothing
			if l.Code == "" {
				json.Unmarshal(l.Data, &sum)
			}
			results.keep(l.Seq, sum)
			out.Encode(object{"type": "ok", "id": l.ID})
			out.Encode(object{"type": "log", "message": fmt.Sprintf("%d chunks %s %s", len(results.chunks), l.Code, l.Message)})
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

// journal keeps what came of the units.
type journal struct {
	chunks map[uint64]float64
	file   *os.File // nil: nowhere
}

type entry struct {
	Seq  uint64  `json:"seq"`
	Data float64 `json:"data"`
}

// open reads the file, and cuts off a line that a kill left unfinished.
func (j *journal) open(path string) {
	var err error
	if j.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		log.Fatal(err)
	}
	in, good := bufio.NewReader(j.file), int64(0)
	for {
		text, err := in.ReadBytes('\n')
		if err != nil {
			break
		}
		var e entry
		if err := json.Unmarshal(text, &e); err != nil {
			log.Fatal(err)
		}
		j.chunks[e.Seq] = e.Data
		good += int64(len(text))
	}
	if err := j.file.Truncate(good); err != nil {
		log.Fatal(err)
	}
	if _, err := j.file.Seek(good, 0); err != nil {
		log.Fatal(err)
	}
}

// keep writes a chunk down, unless it is there: the same one may come twice.
func (j *journal) keep(seq uint64, data float64) {
	if _, there := j.chunks[seq]; there {
		return
	}
	j.chunks[seq] = data
	if j.file == nil {
		return
	}
	text, err := json.Marshal(entry{seq, data})
	if err == nil {
		_, err = j.file.Write(append(text, '\n'))
	}
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		log.Fatal(err) // it comes again
	}
}
