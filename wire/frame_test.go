package wire

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/iotest"
)

// countingWriter counts the calls of Write.
type countingWriter struct {
	bytes.Buffer
	calls int
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.calls++
	return w.Buffer.Write(p)
}

func TestFrameRoundTrip(t *testing.T) {
	payloads := [][]byte{nil, {0}, []byte("a payload"), bytes.Repeat([]byte{0xa5}, 70000)}
	var w countingWriter
	for i, payload := range payloads {
		if err := WriteFrame(&w, byte(i), payload); err != nil {
			t.Fatal(err)
		}
	}
	if w.calls != len(payloads) {
		t.Errorf("%d frames took %d calls of Write", len(payloads), w.calls)
	}
	rest := w.Bytes()
	r := iotest.OneByteReader(bytes.NewReader(rest))
	for i, want := range payloads {
		kind, payload, after, err := ParseFrame(rest, 70000)
		if err != nil || kind != byte(i) || !bytes.Equal(payload, want) {
			t.Fatalf("ParseFrame %d: kind %d, %d bytes, %v", i, kind, len(payload), err)
		}
		rest = after
		kind, payload, err = ReadFrame(r, 70000)
		if err != nil || kind != byte(i) || !bytes.Equal(payload, want) {
			t.Fatalf("ReadFrame %d: kind %d, %d bytes, %v", i, kind, len(payload), err)
		}
	}
	if len(rest) != 0 {
		t.Errorf("%d bytes left over", len(rest))
	}
	if _, _, err := ReadFrame(r, 70000); err != io.EOF {
		t.Errorf("after the last frame: %v, want io.EOF itself", err)
	}
}

func TestFrameLeavesWhatFollows(t *testing.T) {
	r := bytes.NewReader(append(AppendFrame(nil, 1, []byte("head")), "bulk bytes"...))
	if _, _, err := ReadFrame(r, 16); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "bulk bytes" {
		t.Errorf("left in the stream: %q", rest)
	}
}

func TestFramePayloadCannotGrowIntoTheNext(t *testing.T) {
	buf := AppendFrame(AppendFrame(nil, 1, []byte("one")), 2, []byte("two"))
	_, payload, rest, err := ParseFrame(buf, 16)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(payload, "XXXXXXXX"...)
	if kind, second, _, err := ParseFrame(rest, 16); err != nil || kind != 2 || string(second) != "two" {
		t.Errorf("the second frame became %d %q, %v", kind, second, err)
	}
}

func TestFrameCutShort(t *testing.T) {
	whole := AppendFrame(nil, 3, []byte("payload"))
	for n := 1; n < len(whole); n++ {
		if _, _, _, err := ParseFrame(whole[:n], 16); !errors.Is(err, ErrShort) {
			t.Errorf("ParseFrame of %d bytes: %v, want ErrShort", n, err)
		}
		if _, _, err := ReadFrame(bytes.NewReader(whole[:n]), 16); !errors.Is(err, ErrShort) {
			t.Errorf("ReadFrame of %d bytes: %v, want ErrShort", n, err)
		}
	}
	broken := errors.New("stream reset")
	r := io.MultiReader(bytes.NewReader(whole[:6]), iotest.ErrReader(broken))
	if _, _, err := ReadFrame(r, 16); !errors.Is(err, broken) {
		t.Errorf("a stream that breaks: %v", err)
	}
}

func TestFrameBounds(t *testing.T) {
	tests := []struct {
		name   string
		buf    []byte
		limit  int
		expect error
	}{
		{"as large as allowed", AppendFrame(nil, 1, make([]byte, 8)), 8, nil},
		{"one byte more", AppendFrame(nil, 1, make([]byte, 9)), 8, ErrTooLarge},
		{"empty where nothing is taken", AppendFrame(nil, 1, nil), 0, nil},
		{"largest length there is", []byte{0xff, 0xff, 0xff, 0xff, 1}, 1 << 20, ErrTooLarge},
		{"sign bit", []byte{0x80, 0, 0, 0, 1}, 1 << 20, ErrTooLarge},
		{"no kind", []byte{0, 0, 0, 0, 1}, 8, ErrBadRequest},
	}
	for _, test := range tests {
		if _, _, _, err := ParseFrame(test.buf, test.limit); !errors.Is(err, test.expect) {
			t.Errorf("%s: ParseFrame: %v, want %v", test.name, err, test.expect)
		}
		if _, _, err := ReadFrame(bytes.NewReader(test.buf), test.limit); !errors.Is(err, test.expect) {
			t.Errorf("%s: ReadFrame: %v, want %v", test.name, err, test.expect)
		}
	}
}

// TestReadFrameOf reads frames of which each kind has a limit of its own.
func TestReadFrameOf(t *testing.T) {
	strange := errors.New("strange kind")
	limit := func(kind byte) (int, error) {
		switch kind {
		case 1:
			return 4, nil
		case 2:
			return 0, nil
		}
		return 1 << 20, strange
	}
	for name, tt := range map[string]struct {
		in     []byte
		kind   byte
		expect error
	}{
		"as large as allowed": {AppendFrame(nil, 1, []byte("four")), 1, nil},
		"too large":           {AppendFrame(nil, 1, []byte("fives")), 1, ErrTooLarge},
		"empty":               {AppendFrame(nil, 2, nil), 2, nil},
		"not empty":           {AppendFrame(nil, 2, []byte{0}), 2, ErrTooLarge},
		"of no known kind":    {AppendFrame(nil, 3, []byte("text")), 3, strange},
		"of length 0":         {[]byte{0, 0, 0, 0, 1}, 1, ErrBadRequest},
		"not there":           {nil, 0, ErrShort},
		"cut in its head":     {[]byte{0, 0, 0, 5}, 0, ErrShort},
		"cut after its head":  {[]byte{0, 0, 0, 5, 1}, 1, ErrShort},
		"cut in its payload":  {[]byte{0, 0, 0, 5, 1, 'f', 'o'}, 1, ErrShort},
	} {
		in := bytes.NewReader(tt.in)
		kind, payload, err := ReadFrameOf(iotest.OneByteReader(in), limit)
		if kind != tt.kind || !errors.Is(err, tt.expect) {
			t.Errorf("%s: kind %d, %v; want %d, %v", name, kind, err, tt.kind, tt.expect)
		}
		if err == nil && !bytes.Equal(payload, tt.in[FrameHeaderSize:]) {
			t.Errorf("%s: read %q", name, payload)
		}
		if errors.Is(err, ErrShort) != errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v; whoever asks whether more comes must be told no", name, err)
		}
		if tt.expect == strange && in.Len() != len(tt.in)-FrameHeaderSize {
			t.Errorf("%s: %d bytes of the payload were read", name, len(tt.in)-FrameHeaderSize-in.Len())
		}
	}
	broken := errors.New("stream reset")
	if _, _, err := ReadFrameOf(iotest.ErrReader(broken), limit); !errors.Is(err, broken) {
		t.Errorf("a stream that breaks: %v", err)
	}
}

// allocated returns the bytes that fn allocates, whatever is freed again.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestDeclaredLengthAllocatesNothing(t *testing.T) {
	heads := map[string][]byte{
		"frame":         {0x7f, 0xff, 0xff, 0xff, 1},
		"byte string":   {0xa1, 0x03, 0x5a, 0x7f, 0xff, 0xff, 0xff},
		"text":          {0xa1, 0x02, 0x7a, 0x7f, 0xff, 0xff, 0xff},
		"array":         {0xa1, 0x05, 0x9a, 0x00, 0x00, 0xff, 0xff},
		"map":           {0xba, 0x7f, 0xff, 0xff, 0xff},
		"64-bit length": {0xa1, 0x03, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	}
	for name, data := range heads {
		var err error
		var got record
		size := allocated(func() {
			if name == "frame" {
				_, _, err = ReadFrame(bytes.NewReader(data), 1<<20)
			} else {
				err = Unmarshal(data, &got)
			}
		})
		if err == nil {
			t.Errorf("%s: taken", name)
		}
		if size > 64<<10 {
			t.Errorf("%s: %d bytes declared only made us allocate %d", name, len(data), size)
		}
	}
}
