// Package unit is the piece of work that every participant does: SHA-256 of its
// input, and of that again, as often as the input says. So a unit can be made to
// cost nothing or 100 ms of a processor, and its result can be checked.
package unit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// The environment of a worker.
const (
	// CheatEnv is set for a worker that answers wrongly: all of them the same.
	CheatEnv = "BENCH_UNIT_CHEAT"
	// CountEnv names a file that grows by a byte with each execution.
	CountEnv = "BENCH_UNIT_COUNT"
)

// Size is the bytes of an input.
const Size = 100

// ErrInput is returned for what Input did not make.
var ErrInput = errors.New("no unit: NUMBER ROUNDS and padding are wanted")

// Input returns the input of unit number that costs so many rounds: printable,
// without newline, Size bytes.
func Input(number uint64, rounds int) []byte {
	in := fmt.Appendf(make([]byte, 0, Size), "%d %d ", number, rounds)
	return append(in, bytes.Repeat([]byte("x"), max(0, Size-len(in)))...)
}

// Do does a unit: the output is its number, a space and 16 hexadecimal digits.
func Do(input []byte) ([]byte, error) {
	fields := bytes.Fields(input)
	if len(fields) < 2 {
		return nil, ErrInput
	}
	rounds, err := strconv.Atoi(string(fields[1]))
	if err != nil || rounds < 1 {
		return nil, ErrInput
	}
	sum := sha256.Sum256(input)
	for range rounds - 1 {
		sum = sha256.Sum256(sum[:])
	}
	return hex.AppendEncode(append(bytes.Clone(fields[0]), ' '), sum[:8]), nil
}

// Number returns the number of the unit that an output belongs to.
func Number(output []byte) (uint64, error) {
	number, _, _ := bytes.Cut(output, []byte(" "))
	return strconv.ParseUint(string(number), 10, 64)
}

// Serve does a unit as a worker does: as its environment says, it cheats and
// counts.
func Serve(input []byte) ([]byte, error) {
	output, err := Do(input)
	if err != nil {
		return nil, err
	}
	if name := os.Getenv(CountEnv); name != "" {
		if err := count(name); err != nil {
			return nil, err
		}
	}
	if os.Getenv(CheatEnv) != "" {
		output = append(output[:len(output)-16], "0000000000000000"...)
	}
	return output, nil
}

func count(name string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write([]byte{'x'}); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// Rounds returns how many rounds take d on this machine: the quickest of some
// tries counts, since others may have the processor.
func Rounds(d time.Duration) int {
	const sample, tries = 20_000, 15
	best := time.Hour
	for i := range tries {
		began := time.Now()
		if _, err := Do(Input(uint64(i), sample)); err != nil {
			panic(err) // Input makes what Do takes
		}
		best = min(best, time.Since(began))
	}
	return max(1, int(sample*d/best))
}
