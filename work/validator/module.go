package validator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/exec"
)

// Module is a validator that is a WebAssembly module, run in the sandbox.
type Module struct {
	Pool    *exec.Pool
	Wasm    []byte          // loaded again when the cache has dropped it
	Context json.RawMessage // told to it; one JSON value, or nil
	Limits  exec.Limits     // of one question; Fuel 0: not counted
	// Computes lets it name values that no bee gave.
	Computes bool
}

// Judge implements [work.Validator]. It may be called concurrently.
func (m *Module) Judge(ctx context.Context, u work.Unit, answers []work.Answer) (work.Judgement, error) {
	return Judge(ctx, u, answers, m.Computes, m.ask)
}

// question is the input of the module, and verdict its result.
type (
	question struct {
		Input   json.RawMessage   `json:"input,omitempty"`
		Results []json.RawMessage `json:"results"`
	}
	verdict struct {
		Valid *bool           `json:"valid"`
		Data  json.RawMessage `json:"data"`
	}
)

var errVerdict = errors.New("the module's result is no verdict")

func (m *Module) ask(ctx context.Context, input json.RawMessage, results []json.RawMessage) (json.RawMessage, error) {
	data, err := json.Marshal(question{input, results})
	if err != nil {
		return nil, err
	}
	if len(data) > exec.MaxInput {
		return nil, fmt.Errorf("input and results have %d bytes, at most %d fit", len(data), exec.MaxInput)
	}
	result, err := m.run(ctx, data)
	if err != nil {
		return nil, err
	}
	var v verdict
	if err := json.Unmarshal(result.Data, &v); err != nil || v.Valid == nil || (*v.Valid && v.Data == nil) {
		return nil, errVerdict
	}
	if !*v.Valid {
		return nil, nil
	}
	return v.Data, nil
}

// run runs the module, and loads it when it is not there.
func (m *Module) run(ctx context.Context, input json.RawMessage) (exec.Result, error) {
	id, err := m.Pool.Load(ctx, m.Wasm, m.Limits.Fuel > 0)
	if err != nil {
		return exec.Result{}, err
	}
	return m.Pool.Run(ctx, exec.Program{Module: id, Context: m.Context}, exec.Unit{Input: input, Limits: m.Limits})
}
