// Package broker connects peers through NATs, and knows how each peer is
// reached.
//
//	/batchain/MESH/broker/1.0.0
//
// # Who speaks
//
// Three peers take part: the asker wants a connection to the target, and the
// broker holds one to each of them. Any member may be the broker.
//
//	asker                        broker                        target
//	OBSERVE{}               ──→  (over QUIC)
//	                        ←──  OBSERVED{addr}
//	BROKER_CONNECTION       ──→
//	  {target, addrs}            ESTABLISH_CONNECTION     ──→
//	                               {asker, addrs}              OBSERVE, as the asker did
//	                                                      ←──  READY{addrs}
//	                        ←──  READY{addrs}
//	dials the target's addrs                                   dials the asker's addrs
//
// Both dial at once, so that each gate sees a packet go out before the other
// side's comes in and takes that one for the answer. Where one of the two can
// be dialled anyhow, one of the dials just succeeds: that is connection
// reversal. It does no harm when both do; see Double connections.
//
// # Messages
//
// One operation per stream; frames of package wire, their kind is the operation.
// Numbers are CBOR keys. An addr is a multiaddr in binary: /ip4 or /ip6, then
// /tcp/PORT or /udp/PORT/quic-v1, nothing else.
//
//	kind
//	  1   BROKER_CONNECTION     1 target bytes   2 addrs [bytes] ≤ 8, as the asker knows itself   [3 open bool]
//	  2   ESTABLISH_CONNECTION  1 asker bytes    2 addrs [bytes] ≤ 4   [3 open bool]
//	  3   OBSERVE               (no fields)
//	129   READY                 1 addrs [bytes] ≤ 8 from a target, ≤ 4 from a broker   [2 open bool]
//	130   OBSERVED              1 addr bytes: the other end of the stream's connection
//	  0   REJECT, a [wire.Error]: NOT_FOUND, the broker has no connection to the target; BUSY, too
//	      many requests; BAD_REQUEST; TIMEOUT, the target did not answer the broker
//
// Open says that a peer believes that anybody can dial it: then both dial as
// usual, which lets its listener answer. Else they dial with roles, as for
// libp2p's hole punching: the asker is the client.
//
// A frame has at most 2 KiB. A peer id has at most 64 bytes, an addr at most 64.
// Keys and kinds are append-only; unknown keys are ignored, an unknown kind is
// answered with UNSUPPORTED. The bytes of every message are in testdata.
//
// # What it cannot be used for
//
// A broker dials nobody. It passes on only addresses whose IP is the other end
// of a connection that it has with the peer they are said to belong to: nobody
// can have a stranger dialled, since to take part a peer must have completed a
// handshake from that IP. It passes on 4 of them, and takes a bounded number of
// requests in a minute, of a peer, of a network and in total.
//
// A broker may lie. A target dials only what came from a peer that it is
// connected to: no address in its own network unless that peer is in it too, no
// port below 1024 where the asker is not known to listen, at most 4 addresses, and
// those of one IP for at most 40 introductions in a minute. Connections to the
// asker that answer a ping stay. So a liar that has a connection to a node can have
// it send a stranger a few handshakes a second and no more; the routing layer can
// be lied to in the same way.
//
// # Order
//
// To reach a peer, [Broker.Reach] tries, each step when the one before has
// failed or taken too long: the connection there is · its addresses · a broker ·
// the addresses that the routing layer finds, and the brokers near it · a relay.
// Over a relay it asks the relay to be the broker, so a relayed connection is
// soon a direct one. [Broker.Host] is a host that does all this in Connect and
// NewStream. It opens streams over a relay only where the relay's owner allows
// enough bytes; else the peer counts as out of reach. Quiet protocols, those that
// speak to everybody once in a while, have such a peer looked for again after 15 s,
// then twice as long each time and at most 8 min: what brokers and relays allow to
// each peer is for those who have bytes to send. These always try at once.
//
// # Double connections
//
// When both dials succeed there are two connections. Whatever is sent has a
// name (see shard/exchange), so it is sent once. [Broker.Run] closes what is left
// over: of several direct connections to a peer the worse ones, once they are
// idle, and relayed ones beside direct ones.
//
// # What is not promised
//
// Two NATs that both choose another port for every destination, or one such and
// one that keeps ports and lets in answers only, have no direct connection
// without a port mapping. Where no UDP passes, both ends being behind NATs, TCP
// is dialled at the same moment, which many NATs let through and some do not.
//
// How the strategies were weighed, with figures: README.md.
package broker
