package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"
)

// send carries err over the wire and returns what the other end reads.
func send(t *testing.T, err error) error {
	t.Helper()
	var w countingWriter
	if err := WriteError(&w, err); err != nil {
		t.Fatal(err)
	}
	kind, payload, readErr := ReadFrame(&w.Buffer, MaxErrorSize)
	if readErr != nil || kind != KindError {
		t.Fatalf("kind %d, %v", kind, readErr)
	}
	return ReadError(payload)
}

var sentinels = []*Error{
	ErrInternal, ErrBadRequest, ErrUnsupported, ErrBadSignature, ErrExpired, ErrFull, ErrQuota,
	ErrTooBig, ErrBusy, ErrInProgress, ErrDeleted, ErrNotFound, ErrDamaged, ErrTimeout,
}

func TestErrorsKeepTheirMeaning(t *testing.T) {
	for _, sent := range sentinels {
		for _, err := range []error{sent, sent.With("%d bytes", 7), fmt.Errorf("store: %w", sent), errors.Join(fs.ErrExist, sent)} {
			got := send(t, err)
			for _, sentinel := range sentinels {
				if errors.Is(got, sentinel) != (sentinel == sent) {
					t.Errorf("%v arrives as %v, which is %v: %v", err, got, sentinel, errors.Is(got, sentinel))
				}
			}
			var e *Error
			if !errors.As(got, &e) || e.Code != sent.Code {
				t.Errorf("%v arrives as %#v", err, got)
			}
		}
	}
	if got := send(t, ErrQuota.With("7 of %d bytes", 9)); got.Error() != "7 of 9 bytes" {
		t.Errorf("the message arrives as %q", got)
	}
}

func TestErrorsOfOursStayHere(t *testing.T) {
	secret := &fs.PathError{Op: "open", Path: "/secret/path", Err: fs.ErrPermission}
	if got := send(t, secret); !errors.Is(got, ErrInternal) || strings.Contains(got.Error(), "secret") {
		t.Errorf("a foreign error arrives as %q", got)
	}
	got := send(t, fmt.Errorf("open /secret/path: %w", ErrNotFound))
	if !errors.Is(got, ErrNotFound) || strings.Contains(got.Error(), "secret") {
		t.Errorf("a wrapped error arrives as %q", got)
	}
}

func TestErrorTextArrivesWhateverItHolds(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"invalid UTF-8":  {"a\xff\xfeb", "a??b"},
		"only invalid":   {strings.Repeat("a\xff", maxErrorText), strings.Repeat("a?", maxErrorText/2)},
		"cut in a rune":  {strings.Repeat("x", maxErrorText-1) + "ä", strings.Repeat("x", maxErrorText-1)},
		"cut in a long":  {strings.Repeat("x", maxErrorText-3) + "𝄞", strings.Repeat("x", maxErrorText-3)},
		"just fits":      {strings.Repeat("x", maxErrorText-2) + "ä", strings.Repeat("x", maxErrorText-2) + "ä"},
		"escape":         {"\x1b[2Jgone\r\n", "?[2Jgone??"},
		"right to left":  {"a\u202eb", "a?b"},
		"other scripts":  {"ホスト ñ", "ホスト ñ"},
		"nothing at all": {"", "error of code 6"},
	}
	for name, test := range tests {
		got := send(t, ErrFull.With("%s", test.text))
		if !errors.Is(got, ErrFull) || got.Error() != test.want {
			t.Errorf("%s: arrives as %q, want %q", name, got, test.want)
		}
	}
}

func TestReadErrorTrustsNoPeer(t *testing.T) {
	escape, err := Marshal(map[int]any{1: 6, 2: "\x1b]0;title\a" + strings.Repeat("y", 600)})
	if err != nil {
		t.Fatal(err)
	}
	got := ReadError(escape)
	if !errors.Is(got, ErrFull) || strings.ContainsAny(got.Error(), "\x1b\a") || len(got.Error()) > maxErrorText || !utf8.ValidString(got.Error()) {
		t.Errorf("escapes arrive: %q", got)
	}
	newer, err := Marshal(&Error{Code: 999, Message: "of a later version"})
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if got := ReadError(newer); !errors.As(got, &e) || e.Code != 999 || got.Error() != "of a later version" {
		t.Errorf("a code of a later version: %v", got)
	}
	if got := ReadError(bytes.Repeat([]byte{0}, MaxErrorSize+1)); !errors.Is(got, ErrTooLarge) {
		t.Errorf("too large: %v", got)
	}
	if got := ReadError([]byte{0xff}); !errors.Is(got, ErrBadRequest) {
		t.Errorf("rubbish: %v", got)
	}
}
