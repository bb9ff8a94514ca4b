package replica

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/batchain/batchain/wire"
)

// What a caller may want to tell apart. Beside these come those of package wire:
// ErrBadRequest (malformed), ErrBadSignature, ErrTooBig, ErrTooLarge, ErrFull,
// ErrBusy, ErrTimeout, ErrDamaged.
var (
	// ErrClosed means that the replica was closed.
	ErrClosed = errors.New("replica is closed")
	// ErrDocument means that the other side or the file holds another document, or
	// one of another mesh.
	ErrDocument = errors.New("another document")
	// ErrVersion means that the other side or the file is of a later version.
	ErrVersion = errors.New("a later version")
	// ErrRefused means that the model does not take a change.
	ErrRefused = errors.New("change is refused")
	// ErrAuthor means that a source may not write to this document.
	ErrAuthor = errors.New("source may not write here")
	// ErrSkew means that an update comes from the future: [MaxSkew].
	ErrSkew = errors.New("update is from the future")
	// ErrOmission means that the other side held back what an author vouches for.
	ErrOmission = errors.New("updates are held back")
	// ErrInUse means that a stream is replicated over already.
	ErrInUse = errors.New("stream is in use")
	// ErrTorn means that a file ends within what was being written. All before
	// that was taken in.
	ErrTorn = errors.New("the end is torn off")
)

// MaxSkew is how far ahead of our wall clock the time of another's update may be.
// Until that time has come the update waits at its sender. A replica whose own clock
// was ahead goes on from there, so it waits, too.
const MaxSkew = 2 * time.Minute

// Config is what a [Replica] works with. Doc, Mesh and Signer are needed.
type Config struct {
	Doc    string // which document: 1 to 128 of a–z, A–Z, 0–9, ".", "_", ":" and "-"
	Mesh   string // see [wire.ValidMesh]
	Signer Signer

	Verifier Verifier           // nil: [PeerKeys]
	Authors  func(peer.ID) bool // who may write; nil: everybody. Asked at any time, by many at once, and when a file is read

	Limits Limits
	Now    func() time.Time // the wall clock; nil: time.Now

	// Trace is told what happens, one event at a time; nil: nobody. It is called
	// with the replica locked: it must be quick, may read the model, and must not
	// call the replica.
	Trace      func(Event)
	Logger     *slog.Logger          // nil: discard
	Registerer prometheus.Registerer // nil: no metrics
}

// Limits bounds a replica. Zero fields are the defaults. Replicas of one document
// should agree on them: what exceeds one is refused, with all that its source
// wrote later.
type Limits struct {
	Sources       int // peers, each with its epochs; 1024, at most 4096
	Epochs        int // of one peer; 16
	Change        int // bytes of one change; 64 KiB
	SourceUpdates int // updates kept of one source; 65536
	SourceBytes   int // … their bytes; 16 MiB
	Bytes         int // of all updates kept; 64 MiB. As much again may be under way
	Streams       int // at once; 64
}

func (l Limits) withDefaults() Limits {
	l.Sources = min(cmp.Or(l.Sources, 1024), maxClock)
	l.Epochs = cmp.Or(l.Epochs, 16)
	l.Change = cmp.Or(l.Change, 64<<10)
	l.SourceUpdates = cmp.Or(l.SourceUpdates, 64<<10)
	l.SourceBytes = cmp.Or(l.SourceBytes, 16<<20)
	l.Bytes = cmp.Or(l.Bytes, 64<<20)
	l.Streams = cmp.Or(l.Streams, 64)
	return l
}

// maxRecord bounds a record as it travels, in bytes.
func (l Limits) maxRecord() int { return l.Change + recordOverhead }

var docName = regexp.MustCompile(`^[a-zA-Z0-9._:-]{1,128}$`)

func (c Config) withDefaults() (Config, error) {
	if !docName.MatchString(c.Doc) {
		return c, fmt.Errorf("document name %q: 1 to 128 of a-z, A-Z, 0-9 and ._:- are allowed", c.Doc)
	}
	if err := wire.ValidMesh(c.Mesh); err != nil {
		return c, err
	}
	if c.Signer == nil {
		return c, errors.New("a replica needs a signer")
	}
	c.Limits = c.Limits.withDefaults()
	if c.Verifier == nil {
		c.Verifier = PeerKeys{}
	}
	if c.Authors == nil {
		c.Authors = func(peer.ID) bool { return true }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Trace == nil {
		c.Trace = func(Event) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// domain is what signatures are bound to: the mesh, the document, and that this is
// an update. The name of a document has no "/", so the parts cannot run into
// each other.
func (c Config) domain() wire.Domain {
	return wire.Domain{Kind: "replica/" + c.Doc, Mesh: c.Mesh}
}
