package work

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Figures of proofs of work.
const (
	// DefaultStrength is in bits: about 0.15 s of one core.
	DefaultStrength = 20
	// MaxStrength is the most that a bee does for anybody: half a minute.
	MaxStrength = 28
	// challengeLife is how long a bee may take.
	challengeLife = 2 * time.Minute
	// maxSeen bounds the proofs that are remembered so that none counts twice.
	maxSeen = 1 << 16
)

// Challenge asks a bee for work that only costs. It names its strength, so
// that a bee never has to know it beforehand.
type Challenge struct {
	Strength uint8    `cbor:"1,keyasint"` // leading zero bits
	Expires  int64    `cbor:"2,keyasint"` // Unix milliseconds
	Salt     [32]byte `cbor:"3,keyasint"` // which the hive knows again
}

// Proof answers a challenge.
type Proof struct {
	Challenge Challenge `cbor:"1,keyasint"`
	Nonce     uint64    `cbor:"2,keyasint"`
}

// proofDomain keeps these hashes apart from all others.
const proofDomain = "batchain/work/proof/1\x00"

// prefix is what is hashed before the nonce: it binds the proof to both peers.
func (c Challenge) prefix(hive, bee peer.ID) []byte {
	buf := append([]byte(proofDomain), byte(len(hive)))
	buf = append(append(buf, hive...), byte(len(bee)))
	buf = append(append(buf, bee...), c.Strength)
	buf = binary.BigEndian.AppendUint64(buf, uint64(c.Expires))
	return append(buf, c.Salt[:]...)
}

// Solve finds the proof that bee owes hive. It takes 2^Strength hashes on average,
// on one core. It refuses what asks for more than [MaxStrength] with
// [ErrProofOfWork], wrapped.
func (c Challenge) Solve(ctx context.Context, hive, bee peer.ID) (Proof, error) {
	if c.Strength > MaxStrength {
		return Proof{}, fmt.Errorf("strength %d, at most %d is worked for: %w", c.Strength, MaxStrength, ErrProofOfWork)
	}
	buf := append(c.prefix(hive, bee), make([]byte, 8)...)
	tail := buf[len(buf)-8:]
	for nonce := uint64(0); ; nonce++ {
		if nonce&0xffff == 0 && ctx.Err() != nil {
			return Proof{}, context.Cause(ctx)
		}
		binary.BigEndian.PutUint64(tail, nonce)
		if zeros(sha256.Sum256(buf)) >= int(c.Strength) {
			return Proof{c, nonce}, nil
		}
	}
}

func zeros(sum [sha256.Size]byte) int {
	n := 0
	for _, b := range sum {
		if b != 0 {
			return n + bits.LeadingZeros8(b)
		}
		n += 8
	}
	return n
}

// Doorman makes challenges and checks proofs. A challenge costs it no memory; a
// proof that counted is remembered until its challenge expires. The secret is its
// own: challenges of another process are wrong. Its methods may be called from
// any goroutine.
type Doorman struct {
	hive   peer.ID
	secret []byte

	mu   sync.Mutex
	seen map[[32]byte]int64 // salts of proofs that counted, and when they expire
}

// NewDoorman returns the doorman of hive. The secret has 32 random bytes.
func NewDoorman(hive peer.ID, secret []byte) *Doorman {
	return &Doorman{hive: hive, secret: secret, seen: map[[32]byte]int64{}}
}

// Challenge returns a challenge for bee of strength bits.
func (d *Doorman) Challenge(bee peer.ID, strength uint8, now time.Time) Challenge {
	c := Challenge{Strength: strength, Expires: now.Add(challengeLife).UnixMilli()}
	c.Salt = d.salt(bee, c)
	return c
}

// salt marks a challenge as this hive's own, for this bee.
func (d *Doorman) salt(bee peer.ID, c Challenge) (salt [32]byte) {
	mac := hmac.New(sha256.New, d.secret)
	c.Salt = [32]byte{}
	mac.Write(c.prefix(d.hive, bee))
	mac.Sum(salt[:0])
	return salt
}

// Check takes a proof once. It returns [ErrProofOfWork], wrapped, when it is not
// bee's, not of this hive, too weak, too late, or not new.
func (d *Doorman) Check(bee peer.ID, p Proof, now time.Time) error {
	c := p.Challenge
	want := d.salt(bee, c)
	switch {
	case !hmac.Equal(want[:], c.Salt[:]):
		return fmt.Errorf("not a challenge of this hive to this bee: %w", ErrProofOfWork)
	case now.UnixMilli() > c.Expires:
		return fmt.Errorf("the challenge has expired: %w", ErrProofOfWork)
	case zeros(sha256.Sum256(binary.BigEndian.AppendUint64(c.prefix(d.hive, bee), p.Nonce))) < int(c.Strength):
		return fmt.Errorf("too few zero bits: %w", ErrProofOfWork)
	}
	return d.once(c, now.UnixMilli())
}

func (d *Doorman) once(c Challenge, now int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, again := d.seen[c.Salt]; again {
		return fmt.Errorf("the proof was used before: %w", ErrProofOfWork)
	}
	if len(d.seen) >= maxSeen {
		for salt, expires := range d.seen {
			if expires < now {
				delete(d.seen, salt)
			}
		}
	}
	if len(d.seen) >= maxSeen {
		return fmt.Errorf("too many new bees at once: %w", ErrHandshakeGeneric)
	}
	d.seen[c.Salt] = c.Expires
	return nil
}
