package node

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip"
	"github.com/batchain/batchain/wire"
)

// The keys under which every node says how it is, by gossip. Their values are
// canonical CBOR; a reader ignores fields that it does not know, and what
// another version than its own says. All of it is a claim of its owner's: it
// says who is asked first, and never whom to believe.
const (
	aboutKey = "node" // [about]
	roomKey  = "room" // [room]
	workKey  = "work" // [offer]
)

const vitalsVersion = 1

// about is what a node is. It changes seldom.
type about struct {
	Version   uint8     `cbor:"1,keyasint" json:"version"`
	Agent     string    `cbor:"2,keyasint,omitempty" json:"agent,omitempty"`     // as libp2p's identify says it
	Roles     roles     `cbor:"3,keyasint,omitempty" json:"roles,omitempty"`     // what it does for others
	Reach     reach     `cbor:"4,keyasint,omitempty" json:"reach,omitempty"`     // whether it can be dialled
	Relays    []peer.ID `cbor:"5,keyasint,omitempty" json:"relays,omitempty"`    // by which it can be reached
	Protocols []string  `cbor:"6,keyasint,omitempty" json:"protocols,omitempty"` // of batchain, with their versions
	Network   string    `cbor:"7,keyasint,omitempty" json:"network,omitempty"`   // IPv4 /24 or IPv6 /48 of its public address
}

// room is how much a node can take. It changes often, and is said only when it
// differs enough.
type room struct {
	Version uint8 `cbor:"1,keyasint" json:"version"`
	Free    int64 `cbor:"2,keyasint" json:"free"`  // bytes that it would take, see [coarse]
	Total   int64 `cbor:"3,keyasint" json:"total"` // bytes that it gives in all
	Load    int64 `cbor:"4,keyasint" json:"load"`  // streams of shards that it serves now, see [coarse]
}

// offer is the work that a node has for others. It is said only when it differs
// enough, and by those who have had any.
type offer struct {
	Version uint8  `cbor:"1,keyasint" json:"version"`
	Units   uint64 `cbor:"2,keyasint" json:"units"` // that have not ended
}

// roles are what a node does for others, a set of bits. Append only.
type roles uint64

const (
	roleStorage   roles = 1 << iota // keeps shards
	roleRelay                       // passes on what others cannot send directly
	roleWork                        // does units of work
	roleBulkRelay                   // is a relay whose owner lets it carry shards
)

// reach says whether a node can be dialled, as it knows itself. Append only.
type reach uint8

const (
	reachUnknown reach = iota + 1
	reachPublic
	reachPrivate
	reachLoopback // nobody but this machine reaches it
)

// String returns the name of how it is reached; the same as in the status.
func (r reach) String() string {
	for name, named := range reaches {
		if r == named {
			return name
		}
	}
	return ""
}

// MarshalText makes it readable in JSON.
func (r reach) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// MarshalJSON makes them readable.
func (r roles) MarshalJSON() ([]byte, error) {
	names := []string{}
	for i, name := range []string{"storage", "relay", "work", "relay-bulk"} {
		if r&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return json.Marshal(names)
}

var reaches = map[string]reach{"unknown": reachUnknown, "public": reachPublic, "private": reachPrivate, "loopback": reachLoopback}

// What is taken of another's claims.
const (
	maxAgent     = 128 // bytes
	maxRelays    = 4
	maxProtocols = 16
	maxProtocol  = 64 // bytes
	maxGroup     = 64 // bytes of the name of a network
)

// parseAbout reads what another says that it is.
func parseAbout(data []byte) (about, error) {
	var a about
	if err := parseVitals(data, &a); err != nil {
		return about{}, fmt.Errorf("%s: %w", aboutKey, err)
	}
	switch {
	case a.Version != vitalsVersion:
		return about{}, fmt.Errorf("%s: version %d: %w", aboutKey, a.Version, wire.ErrUnsupported)
	case len(a.Agent) > maxAgent, len(a.Relays) > maxRelays, len(a.Protocols) > maxProtocols, len(a.Network) > maxGroup:
		return about{}, fmt.Errorf("%s: %w", aboutKey, wire.ErrTooBig)
	}
	for _, p := range a.Protocols {
		if len(p) > maxProtocol {
			return about{}, fmt.Errorf("%s: %w", aboutKey, wire.ErrTooBig)
		}
	}
	for _, p := range a.Relays {
		if err := p.Validate(); err != nil || len(p) > maxProtocol {
			return about{}, fmt.Errorf("%s: %w", aboutKey, wire.ErrBadRequest.With("a relay is no peer"))
		}
	}
	return a, nil
}

// parseRoom reads what another says that it can take.
func parseRoom(data []byte) (room, error) {
	var r room
	if err := parseVitals(data, &r); err != nil {
		return room{}, fmt.Errorf("%s: %w", roomKey, err)
	}
	switch {
	case r.Version != vitalsVersion:
		return room{}, fmt.Errorf("%s: version %d: %w", roomKey, r.Version, wire.ErrUnsupported)
	case r.Free < 0 || r.Total < 0 || r.Load < 0:
		return room{}, fmt.Errorf("%s: %w", roomKey, wire.ErrBadRequest.With("a number is below zero"))
	}
	return r, nil
}

// parseOffer reads what work another says it has.
func parseOffer(data []byte) (offer, error) {
	var o offer
	if err := parseVitals(data, &o); err != nil {
		return offer{}, fmt.Errorf("%s: %w", workKey, err)
	}
	if o.Version != vitalsVersion {
		return offer{}, fmt.Errorf("%s: version %d: %w", workKey, o.Version, wire.ErrUnsupported)
	}
	return o, nil
}

func parseVitals(data []byte, into any) error {
	if len(data) > gossip.MaxValue {
		return wire.ErrTooBig
	}
	return wire.Unmarshal(data, into)
}

// coarse rounds down to three significant bits, so that what changes a little
// is not said anew.
func coarse(n int64) int64 {
	if n <= 0 {
		return 0
	}
	low := max(bits.Len64(uint64(n))-3, 0)
	return n >> low << low
}

// differs reports whether now differs enough from what was said. On the edge of
// a step it would otherwise change for every shard: it does when it is a step
// away, or there is nothing left, or no more nothing.
func (r room) differs(now room) bool {
	far := func(said, is int64) bool {
		return (said == 0) != (is == 0) || is >= said+said/4+1 || is < said-said/8
	}
	return r.Version != now.Version || r.Total != now.Total || far(r.Free, now.Free) || far(r.Load, now.Load)
}

// differs reports whether now differs enough from what was said: whether there is
// any is what counts, how much is told in steps of four.
func (o offer) differs(now offer) bool {
	return (o.Units == 0) != (now.Units == 0) || bits.Len64(o.Units)/2 != bits.Len64(now.Units)/2
}

// short cuts text to max bytes at the end of a character.
func short(text string, max int) string {
	if len(text) <= max {
		return text
	}
	for max > 0 && !utf8.RuneStart(text[max]) {
		max--
	}
	return text[:max]
}
