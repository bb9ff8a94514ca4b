package work

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// maxNumbers bounds the numbers in one answer.
const maxNumbers = 1 << 16

// numbers reads an answer as numbers: a JSON number, or an array of them.
func numbers(output []byte) ([]float64, error) {
	var many []float64
	var one float64
	if json.Unmarshal(output, &one) == nil {
		many = []float64{one}
	} else if json.Unmarshal(output, &many) != nil {
		return nil, errors.New("an answer is neither a number nor an array of numbers")
	}
	if len(many) == 0 || len(many) > maxNumbers {
		return nil, fmt.Errorf("an answer has %d numbers, 1 to %d are allowed", len(many), maxNumbers)
	}
	return many, nil
}

// near reports whether two answers are the same within the tolerance.
func (p *Policy) near(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !(math.Abs(a[i]-b[i]) <= p.Absolute+p.Relative*max(math.Abs(a[i]), math.Abs(b[i]))) {
			return false
		}
	}
	return true
}

// tolerant believes the first answer that has enough others near it. An answer
// that is no number is near to nothing.
func (p *Policy) tolerant(answers []Answer) (verdict, error) {
	values := make([][]float64, len(answers))
	for i, a := range answers {
		values[i], _ = numbers(a.Output)
	}
	most := 0
	for i, a := range answers {
		if values[i] == nil {
			continue
		}
		v := verdict{believed: true, digest: a.Digest, marks: make([]AttemptState, len(answers))}
		votes := 0
		for j := range answers {
			v.marks[j] = Wrong
			if p.near(values[i], values[j]) {
				v.marks[j] = Right
				votes++
			}
		}
		if votes >= int(p.Quorum) {
			return v, nil
		}
		most = max(most, votes)
	}
	return verdict{more: int(p.Quorum) - most}, nil
}

// average computes the mean or the median of GroupMax answers, number by number.
// Nobody is right or wrong then, save those whose answer cannot be read or
// has another length than most.
func (p *Policy) average(answers []Answer) (verdict, error) {
	if missing := int(p.GroupMax) - len(answers); missing > 0 {
		return verdict{more: missing}, nil
	}
	values := make([][]float64, len(answers))
	lengths := map[int]int{}
	for i, a := range answers {
		values[i], _ = numbers(a.Output)
		lengths[len(values[i])]++
	}
	length := 0
	for n, votes := range lengths {
		if n > 0 && votes > len(answers)/2 {
			length = n
		}
	}
	if length == 0 {
		return verdict{more: int(p.GroupMax)}, errors.New("answers are no numbers, or not equally many")
	}
	v := verdict{believed: true, marks: make([]AttemptState, len(answers))}
	result := make([]float64, length)
	for k := range result {
		var column []float64
		for i := range values {
			v.marks[i] = Wrong
			if len(values[i]) == length {
				v.marks[i] = Unchecked
				column = append(column, values[i][k])
			}
		}
		result[k] = p.middle(column)
	}
	return v, v.encode(result)
}

func (p *Policy) middle(column []float64) float64 {
	if p.Rule == Median {
		slices.Sort(column)
		half := len(column) / 2
		if len(column)%2 == 1 {
			return column[half]
		}
		return column[half-1]/2 + column[half]/2
	}
	sum := 0.0
	for _, x := range column {
		sum += x / float64(len(column))
	}
	return sum
}

// encode makes result the output: a number when it is one, else an array.
func (v *verdict) encode(result []float64) (err error) {
	if len(result) == 1 {
		v.output, err = json.Marshal(result[0])
	} else {
		v.output, err = json.Marshal(result)
	}
	v.digest = DigestOf(v.output, 0)
	return err
}
