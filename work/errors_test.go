package work

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/batchain/batchain/wire"
)

// over carries an error to the other end of the wire.
func over(t *testing.T, err error) error {
	t.Helper()
	var buf bytes.Buffer
	if err := wire.WriteError(&buf, err); err != nil {
		t.Fatal(err)
	}
	_, payload, err := wire.ReadFrame(&buf, wire.MaxErrorSize)
	if err != nil {
		t.Fatal(err)
	}
	return FromWire(wire.ReadError(payload))
}

// Each error is the same on both ends: its name, its group, itself for errors.Is,
// and no other. The names and groups are the contract.
func TestErrorsCrossTheWire(t *testing.T) {
	groups := map[string]func(error) bool{
		"Generic":      func(err error) bool { var e *GenericError; return errors.As(err, &e) },
		"Database":     func(err error) bool { var e *DatabaseError; return errors.As(err, &e) },
		"Handshake":    func(err error) bool { var e *HandshakeError; return errors.As(err, &e) },
		"Verification": func(err error) bool { var e *VerificationError; return errors.As(err, &e) },
		"Request":      func(err error) bool { var e *RequestError; return errors.As(err, &e) },
		"Submit":       func(err error) bool { var e *SubmitError; return errors.As(err, &e) },
		"Security":     func(err error) bool { var e *SecurityError; return errors.As(err, &e) },
	}
	names := strings.Fields(`DatabaseGeneric DatabaseNotFound GenericPayloadMissing GenericParametersMissing
		GenericSecurityInformationMissing HandshakeGeneric HandshakeKeyMissing HandshakePostCompleteFailure
		HandshakeProofOfWorkFailure VerificationGeneric VerificationNotExecuted RequestNoWork RequestPendingWork
		SubmitNoData SecurityInvalidKey SecurityKeyGenerationFailure SecurityEncryptionFailure
		SecurityDecryptionFailure SecuritySigningFailure SecurityVerificationFailure
		SubmitLate SubmitNotAssigned SubmitChanged RegistrationClosed`)
	byName, codes := map[string]error{}, map[wire.Code]bool{}
	for _, err := range Errors() {
		byName[err.(interface{ Name() string }).Name()] = err
		codes[Code(err)] = true
	}
	if len(byName) != len(names) || len(codes) != len(names) {
		t.Errorf("%d names and %d codes, want %d", len(byName), len(codes), len(names))
	}
	for i, name := range names {
		err := byName[name]
		if err == nil {
			t.Errorf("there is no %s", name)
			continue
		}
		if want := wire.Code(1000 + i); Code(err) != want {
			t.Errorf("%s has code %d, want %d: codes are append-only", name, Code(err), want)
		}
		got := over(t, fmt.Errorf("secret detail: %w", err))
		if !errors.Is(got, err) || got.Error() != err.Error() {
			t.Errorf("%s came as %v", name, got)
		}
		for _, other := range Errors() {
			if other != err && errors.Is(got, other) {
				t.Errorf("%s is %v, too", name, other)
			}
		}
		group := name
		if name == "RegistrationClosed" {
			group = "Verification"
		}
		for prefix, is := range groups {
			if is(got) != strings.HasPrefix(group, prefix) {
				t.Errorf("%s in group %s: %t", name, prefix, is(got))
			}
		}
	}
}

func TestUnknownErrorsCrossTheWire(t *testing.T) {
	var generic *GenericError
	if err := over(t, &wire.Error{Code: 1099, Message: "of the year 2040"}); !errors.As(err, &generic) || err.Error() != "of the year 2040" {
		t.Errorf("an error of a newer peer came as %v", err)
	}
	if err := over(t, errors.New("goroutine 1 [running]: main.go:1")); !errors.Is(err, wire.ErrInternal) || strings.Contains(err.Error(), "goroutine") {
		t.Errorf("an error without code came as %v", err)
	}
	if err := over(t, wire.ErrTooBig); !errors.Is(err, wire.ErrTooBig) {
		t.Errorf("an error of wire came as %v", err)
	}
	if Code(nil) != 0 || Code(errors.New("x")) != wire.CodeInternal {
		t.Error("codes of nil and of an unknown error")
	}
}
