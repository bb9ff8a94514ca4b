package node

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/transfer"

	"github.com/batchain/batchain/wire"
)

func TestFaults(t *testing.T) {
	short := &transfer.ShortError{Scheme: shard.Scheme{Data: 8, Parity: 12}, Need: 20, Have: 6, Known: 9, Refused: map[string]int{"full": 2}, Segment: -1}
	get := control.GetRequest{Ref: "/m/x.batchain", Output: "/out/x"}
	for _, c := range []struct {
		name string
		err  error
		code string
		says []string
	}{
		{"too few hosts", putFault(fmt.Errorf("put: %w", short), "x.tar"), "E0601", []string{"20 hosts", "9 peers", "2: full", "--scheme 2+3"}},
		{"nobody", putFault(&transfer.ShortError{Segment: -1}, "x"), "E0502", []string{"0 peers", "--bootstrap"}},
		{"stopped midway", putFault(&transfer.ShortError{Segment: 3, Known: 9, Have: 5, Need: 16}, "x"), "E0601", []string{"segment 3"}},
		{"changed", putFault(fmt.Errorf("x: %w", transfer.ErrChanged), "x"), "E0101", []string{"changed while"}},
		{"twice at once", putFault(transfer.ErrPutBusy, "x"), "E0102", nil},
		{"another mesh", getFault(transfer.ErrOtherMesh, get), "E0215", nil},
		{"wrong bytes in the end", getFault(fmt.Errorf("open segment 1: %w", wire.ErrDamaged), get), "E0703", nil},
		{"nobody deleted", removeFault(transfer.ErrNobodyDeleted, control.RemoveRequest{Ref: "x"}), "E0504", nil},
		{"newer journal", putFault(transfer.ErrNewerJournal, "x"), "E1305", nil},
		{"two gets at once", getFault(transfer.ErrGetBusy, get), "E0103", nil},
		{"not there", putFault(&fs.PathError{Op: "open", Path: "/x", Err: syscall.ENOENT}, "x"), "E0401", []string{"/x"}},
		{"unreadable", putFault(&fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES}, "x"), "E0801", []string{"/x"}},
		{"disk full", getFault(&fs.PathError{Op: "write", Path: "/out/x.part", Err: syscall.ENOSPC}, get), "E1201", []string{"/out/x.part"}},
		{"quota of the user", getFault(&fs.PathError{Op: "write", Path: "/out/x.part", Err: syscall.EDQUOT}, get), "E1201", nil},
		{"exists", getFault(fmt.Errorf("/out/x: %w", transfer.ErrExists), get), "E0214", []string{"/out/x exists", "--force"}},
		{"few shards", getFault(&transfer.UnreachableError{Need: 8, Have: 5, Unreachable: 4}, get), "E0901", []string{"needs 8 shards", "5"}},
		{"lost", getFault(&transfer.UnreachableError{Need: 8, Have: 5, Unreachable: 1, Damaged: 14}, get), "E0702", []string{"beyond repair"}},
		{"forged manifest", getFault(fmt.Errorf("%w: x", shard.ErrManifest), get), "E0701", []string{"x.batchain"}},
		{"newer manifest", getFault(fmt.Errorf("%w: x", shard.ErrNewer), get), "E1303", nil},
		{"not the owner", removeFault(transfer.ErrNoKey, control.RemoveRequest{}), "E0802", nil},
		{"own faults pass", putFault(control.NewError(2, 10, "x"), "x"), "E0210", nil},
	} {
		var told *control.Error
		if !errors.As(c.err, &told) || told.Code != c.code {
			t.Errorf("%s: %v, want %s", c.name, c.err, c.code)
			continue
		}
		text := strings.Join(append(told.Hints, told.Error()), "\n")
		for _, says := range c.says {
			if !strings.Contains(text, says) {
				t.Errorf("%s: no %q in\n%s", c.name, says, text)
			}
		}
	}
	other := errors.New("other")
	if err := putFault(other, "x"); err != other {
		t.Errorf("an unknown error became %v", err)
	}
}

func TestPutOptionsAreChecked(t *testing.T) {
	n := &Node{}
	for _, req := range []control.PutRequest{
		{Scheme: "8-12"}, {Scheme: "0+1"}, {Durability: "high"}, {Expires: -1}, {Hosts: []string{"nobody"}},
	} {
		_, err := n.putOptions(t.Context(), req)
		var told *control.Error
		if !errors.As(err, &told) || told.Exit != control.ExitUsage {
			t.Errorf("%+v: %v", req, err)
		}
	}
}
