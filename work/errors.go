package work

import (
	"errors"
	"fmt"

	"github.com/batchain/batchain/wire"
)

// The codes of this package in error frames, 1000 to 1099. Append only.
const (
	codeDatabaseGeneric wire.Code = 1000 + iota
	codeDatabaseNotFound
	codeGenericPayloadMissing
	codeGenericParametersMissing
	codeGenericSecurityInformationMissing
	codeHandshakeGeneric
	codeHandshakeKeyMissing
	codeHandshakePostCompleteFailure
	codeHandshakeProofOfWorkFailure
	codeVerificationGeneric
	codeVerificationNotExecuted
	codeRequestNoWork
	codeRequestPendingWork
	codeSubmitNoData
	codeSecurityInvalidKey
	codeSecurityKeyGenerationFailure
	codeSecurityEncryptionFailure
	codeSecurityDecryptionFailure
	codeSecuritySigningFailure
	codeSecurityVerificationFailure
	codeSubmitLate
	codeSubmitNotAssigned
	codeSubmitChanged
	codeRegistrationClosed
)

// failure is what the errors of all groups have in common.
type failure struct {
	name string
	code wire.Code
	text string
}

// Error returns what happened, in words that may reach a peer.
func (f failure) Error() string { return f.text }

// Name returns the name of the error, "RequestNoWork" for instance. It is the
// same on both ends.
func (f failure) Name() string { return f.name }

// Is reports whether target is an error of this package with the same code.
func (f failure) Is(target error) bool {
	t, ok := target.(interface{ wireCode() wire.Code })
	return ok && t.wireCode() == f.code
}

// Unwrap returns the error as it crosses the wire.
func (f failure) Unwrap() error { return &wire.Error{Code: f.code, Message: f.text} }

func (f failure) wireCode() wire.Code { return f.code }

// The groups of errors, for errors.As.
type (
	// GenericError is a message that lacks something, or an error of a kind
	// that a newer peer knows and this one does not.
	GenericError struct{ failure }
	// DatabaseError is about the rows of the hive.
	DatabaseError struct{ failure }
	// HandshakeError is about becoming known to a hive.
	HandshakeError struct{ failure }
	// VerificationError means that the hive does not know who asks.
	VerificationError struct{ failure }
	// RequestError is about asking for work.
	RequestError struct{ failure }
	// SubmitError is about handing in a result.
	SubmitError struct{ failure }
	// SecurityError is about keys and signatures.
	SecurityError struct{ failure }
)

// The errors of a hive. Each is in one group; errors.Is finds it on either end
// of the wire.
var (
	ErrDatabaseGeneric  = &DatabaseError{failure{"DatabaseGeneric", codeDatabaseGeneric, "the hive's rows cannot be read or written"}}
	ErrDatabaseNotFound = &DatabaseError{failure{"DatabaseNotFound", codeDatabaseNotFound, "no such record"}}

	ErrPayloadMissing             = &GenericError{failure{"GenericPayloadMissing", codeGenericPayloadMissing, "the message has no payload"}}
	ErrParametersMissing          = &GenericError{failure{"GenericParametersMissing", codeGenericParametersMissing, "a parameter is missing"}}
	ErrSecurityInformationMissing = &GenericError{failure{"GenericSecurityInformationMissing", codeGenericSecurityInformationMissing, "a signature or nonce is missing"}}

	ErrHandshakeGeneric             = &HandshakeError{failure{"HandshakeGeneric", codeHandshakeGeneric, "the handshake went wrong"}}
	ErrHandshakeKeyMissing          = &HandshakeError{failure{"HandshakeKeyMissing", codeHandshakeKeyMissing, "the peer has no Ed25519 key"}}
	ErrHandshakePostCompleteFailure = &HandshakeError{failure{"HandshakePostCompleteFailure", codeHandshakePostCompleteFailure, "the connection broke after the handshake"}}
	ErrProofOfWork                  = &HandshakeError{failure{"HandshakeProofOfWorkFailure", codeHandshakeProofOfWorkFailure, "the proof of work is wrong, too old or used already"}}

	ErrVerificationGeneric = &VerificationError{failure{"VerificationGeneric", codeVerificationGeneric, "the peer was not verified"}}
	ErrNotVerified         = &VerificationError{failure{"VerificationNotExecuted", codeVerificationNotExecuted, "prove your work first"}}
	ErrRegistrationClosed  = &VerificationError{failure{"RegistrationClosed", codeRegistrationClosed, "this hive takes no new bees"}}

	ErrNoWork      = &RequestError{failure{"RequestNoWork", codeRequestNoWork, "there is nothing to hand out"}}
	ErrPendingWork = &RequestError{failure{"RequestPendingWork", codeRequestPendingWork, "hand in first what you have"}}

	ErrNoData        = &SubmitError{failure{"SubmitNoData", codeSubmitNoData, "the submission holds no result"}}
	ErrLate          = &SubmitError{failure{"SubmitLate", codeSubmitLate, "the unit was finished without this result"}}
	ErrNotAssigned   = &SubmitError{failure{"SubmitNotAssigned", codeSubmitNotAssigned, "this unit was not given to you"}}
	ErrResultChanged = &SubmitError{failure{"SubmitChanged", codeSubmitChanged, "another result was handed in before"}}

	ErrInvalidKey    = &SecurityError{failure{"SecurityInvalidKey", codeSecurityInvalidKey, "the key is malformed"}}
	ErrKeyGeneration = &SecurityError{failure{"SecurityKeyGenerationFailure", codeSecurityKeyGenerationFailure, "no key could be made"}}
	ErrEncryption    = &SecurityError{failure{"SecurityEncryptionFailure", codeSecurityEncryptionFailure, "encryption went wrong"}}
	ErrDecryption    = &SecurityError{failure{"SecurityDecryptionFailure", codeSecurityDecryptionFailure, "decryption went wrong"}}
	ErrSigning       = &SecurityError{failure{"SecuritySigningFailure", codeSecuritySigningFailure, "signing went wrong"}}
	ErrVerification  = &SecurityError{failure{"SecurityVerificationFailure", codeSecurityVerificationFailure, "the signature does not verify"}}
)

// Errors returns one error for each code of this package, in no order.
func Errors() []error {
	return []error{
		ErrDatabaseGeneric, ErrDatabaseNotFound,
		ErrPayloadMissing, ErrParametersMissing, ErrSecurityInformationMissing,
		ErrHandshakeGeneric, ErrHandshakeKeyMissing, ErrHandshakePostCompleteFailure, ErrProofOfWork,
		ErrVerificationGeneric, ErrNotVerified, ErrRegistrationClosed,
		ErrNoWork, ErrPendingWork,
		ErrNoData, ErrLate, ErrNotAssigned, ErrResultChanged,
		ErrInvalidKey, ErrKeyGeneration, ErrEncryption, ErrDecryption, ErrSigning, ErrVerification,
	}
}

// FromWire gives an error that a peer answered its type back: the one of
// [Errors] with its code. A code of 1000 to 1099 that this version does not know
// becomes a [GenericError] with the peer's words; every other error comes back
// as it is.
func FromWire(err error) error {
	var e *wire.Error
	if !errors.As(err, &e) {
		return err
	}
	for _, known := range Errors() {
		if known.(interface{ wireCode() wire.Code }).wireCode() == e.Code {
			return known
		}
	}
	if e.Code >= 1000 && e.Code < 1100 {
		return &GenericError{failure{fmt.Sprintf("Generic%d", e.Code), e.Code, e.Message}}
	}
	return err
}

// Code returns the code under which err crosses the wire, 0 for nil. An error that
// has none is [wire.CodeInternal].
func Code(err error) wire.Code {
	var e *wire.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Code
	}
	return wire.CodeInternal
}
