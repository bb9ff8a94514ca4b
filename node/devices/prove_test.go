package devices

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// who is the peer whose Ed25519 key is 32 bytes of n.
func who(n byte) peer.ID {
	return peer.ID("\x00\x24\x08\x01\x12\x20" + strings.Repeat(string([]byte{n}), 32))
}

func keyOf(n byte) key { return key(shard.Seed{n}.DevicesKey("test")) }

var (
	anna, bert, mallory = who(1), who(2), who(3)
	ours                = keyOf(1)
)

// prove plays both sides over a pipe.
func prove(opener, answerer pair, why purpose) (got purpose, opened, answered error) {
	a, b := net.Pipe()
	var both sync.WaitGroup
	both.Go(func() { opened = opener.open(a, why); a.Close() })
	both.Go(func() { got, answered = answerer.answer(b); b.Close() })
	both.Wait()
	return got, opened, answered
}

func TestDevicesProveThemselves(t *testing.T) {
	p := pair{ours, "test", anna, bert}
	for _, why := range []purpose{purposeList, purposeAsk} {
		if got, opened, answered := prove(p, p, why); opened != nil || answered != nil || got != why {
			t.Errorf("purpose %d: %v, %v, purpose %d", why, opened, answered, got)
		}
	}
}

// TestWhoHasNotTheKey, or whom the connection shows to be another, proves nothing.
func TestWhoHasNotTheKey(t *testing.T) {
	p := pair{ours, "test", anna, bert}
	for name, other := range map[string]pair{
		"another key":      {keyOf(2), "test", anna, bert},
		"another mesh":     {ours, "main", anna, bert},
		"another opener":   {ours, "test", mallory, bert},
		"another answerer": {ours, "test", anna, mallory},
		"sides exchanged":  {ours, "test", bert, anna},
	} {
		if _, opened, _ := prove(p, other, purposeList); !errors.Is(opened, wire.ErrBadSignature) {
			t.Errorf("%s answers: %v", name, opened)
		}
		// An opener that goes on whatever it is answered.
		if err := insist(t, other, p); !errors.Is(err, wire.ErrBadSignature) {
			t.Errorf("%s opens: %v", name, err)
		}
	}
}

// insist opens with the proof of a pair, and does not look at the other side's.
func insist(t *testing.T, opener, answerer pair) error {
	t.Helper()
	nonce := newNonce()
	_, err := against(t, answerer, nonce, func(answer answerMessage) proofMessage {
		return proofMessage{purposeList, opener.proof(sideOpener, purposeList, nonce, answer.Nonce)}
	})
	return err
}

// against opens with a nonce and a proof of the test's own. It returns the
// answer, and what the answerer says.
func against(t *testing.T, answerer pair, nonce []byte, proof func(answerMessage) proofMessage) (answer answerMessage, answered error) {
	t.Helper()
	a, b := net.Pipe()
	var wait sync.WaitGroup
	wait.Go(func() { _, answered = answerer.answer(b); b.Close() })
	must(t, wire.WriteMessage(a, kindHello, helloMessage{nonce}))
	payload, err := expect(a, kindAnswer, maxProving)
	must(t, err)
	answer, err = parseAnswer(payload)
	must(t, err)
	must(t, wire.WriteMessage(a, kindProof, proof(answer)))
	wait.Wait()
	a.Close()
	return answer, answered
}

// TestProofsAreOfOneStream: a proof that was good before, the other side's own
// sent back, and one for another purpose are not.
func TestProofsAreOfOneStream(t *testing.T) {
	p := pair{ours, "test", anna, bert}
	nonce := newNonce()
	var good proofMessage
	first, err := against(t, p, nonce, func(a answerMessage) proofMessage {
		good = proofMessage{purposeList, p.proof(sideOpener, purposeList, nonce, a.Nonce)}
		return good
	})
	must(t, err)
	for name, proof := range map[string]func(answerMessage) proofMessage{
		"played again": func(answerMessage) proofMessage { return good },
		"sent back":    func(a answerMessage) proofMessage { return proofMessage{purposeList, a.Proof} },
		"turned to another purpose": func(a answerMessage) proofMessage {
			return proofMessage{purposeAsk, p.proof(sideOpener, purposeList, nonce, a.Nonce)}
		},
		"none": func(answerMessage) proofMessage { return proofMessage{purposeList, make([]byte, proofSize)} },
	} {
		if _, err := against(t, p, nonce, proof); !errors.Is(err, wire.ErrBadSignature) {
			t.Errorf("a proof that is %s: %v", name, err)
		}
	}
	// The answerer's of an earlier stream, to another hello.
	a, b := net.Pipe()
	var opened error
	var wait sync.WaitGroup
	wait.Go(func() { opened = p.open(a, purposeList); a.Close() })
	_, err = expect(b, kindHello, maxProving)
	must(t, err)
	must(t, wire.WriteMessage(b, kindAnswer, first))
	wait.Wait()
	b.Close()
	if !errors.Is(opened, wire.ErrBadSignature) {
		t.Errorf("an answer played again: %v", opened)
	}
}

// TestManInTheMiddle: one who passes every byte on between two devices is another
// peer to each of them, and gets no further.
func TestManInTheMiddle(t *testing.T) {
	toAnna, annas := net.Pipe()
	toBert, berts := net.Pipe()
	var opened, answered error
	var wait sync.WaitGroup
	wait.Go(func() {
		opened = pair{ours, "test", anna, mallory}.open(annas, purposeList)
		annas.Close()
	})
	wait.Go(func() {
		_, answered = pair{ours, "test", mallory, bert}.answer(berts)
		berts.Close()
	})
	for _, way := range [][2]net.Conn{{toAnna, toBert}, {toBert, toAnna}} {
		wait.Go(func() { _, _ = io.Copy(way[1], way[0]); way[1].Close() })
	}
	wait.Wait()
	if !errors.Is(opened, wire.ErrBadSignature) || answered == nil {
		t.Errorf("opener: %v, answerer: %v", opened, answered)
	}
}

func TestMarks(t *testing.T) {
	mark := ours.mark(anna)
	if !ours.marks(anna, mark) {
		t.Error("a device's own mark is not known")
	}
	if bytes.Equal(mark, ours.mark(anna)) {
		t.Error("two marks of a device are equal: they tell that it kept its key")
	}
	forged := bytes.Clone(mark)
	forged[markSize-1] ^= 1
	for name, no := range map[string]bool{
		"of another peer":  ours.marks(bert, mark),
		"of another owner": keyOf(2).marks(anna, mark),
		"forged":           ours.marks(anna, forged),
		"cut":              ours.marks(anna, mark[:markSize-1]),
		"longer":           ours.marks(anna, append(bytes.Clone(mark), 0)),
		"none":             ours.marks(anna, nil),
	} {
		if no {
			t.Errorf("a mark that is %s is taken", name)
		}
	}
}
