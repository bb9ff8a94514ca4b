package validator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/batchain/batchain/work"
)

// Asker has somebody judge results. It returns the value that is to be believed,
// or nil when they prove nothing.
type Asker func(ctx context.Context, input json.RawMessage, results []json.RawMessage) (json.RawMessage, error)

// ErrNotGiven means that a validator believes what no bee said.
var ErrNotGiven = errors.New("the validator names a value that no bee gave")

// Judge shows the answers that can be shown, and makes a judgement of what is
// said of them. With computes the value may be any.
func Judge(ctx context.Context, u work.Unit, answers []work.Answer, computes bool, ask Asker) (work.Judgement, error) {
	var results []json.RawMessage
	for _, a := range answers {
		if isJSON(a.Output) {
			results = append(results, a.Output)
		}
	}
	if len(results) == 0 {
		return work.Judgement{}, nil
	}
	input := json.RawMessage(u.Input)
	if !isJSON(input) {
		input = nil // that of a program that reads something else
	}
	value, err := ask(ctx, input, results)
	if err != nil {
		return work.Judgement{}, fmt.Errorf("validator: %w", err)
	}
	switch {
	case value == nil:
		return work.Judgement{}, nil
	case computes:
		return work.Judgement{Valid: true, Output: value, Wrong: broken(answers)}, nil
	}
	return choose(answers, value)
}

func isJSON(data []byte) bool { return utf8.Valid(data) && json.Valid(data) }

// broken returns the answers that are no JSON.
func broken(answers []work.Answer) (wrong []int) {
	for i, a := range answers {
		if !isJSON(a.Output) {
			wrong = append(wrong, i)
		}
	}
	return wrong
}

// choose believes the answer that value is. Its own bytes come first: numbers
// that differ in them may be the same to a float64.
func choose(answers []work.Answer, value json.RawMessage) (work.Judgement, error) {
	for _, same := range []func(a, b json.RawMessage) bool{sameBytes, sameMeaning} {
		j := work.Judgement{Valid: true}
		for i, a := range answers {
			switch {
			case !isJSON(a.Output) || !same(a.Output, value):
				j.Wrong = append(j.Wrong, i)
			case j.Output == nil:
				j.Output = a.Output
			}
		}
		if j.Output != nil {
			return j, nil
		}
	}
	return work.Judgement{}, ErrNotGiven
}

func sameBytes(a, b json.RawMessage) bool { return bytes.Equal(compact(a), compact(b)) }

func compact(value json.RawMessage) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, value); err != nil {
		return value
	}
	return b.Bytes()
}

func sameMeaning(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
