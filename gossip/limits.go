package gossip

import "time"

// What is taken from others. Whatever a stranger sends, it costs no more.
const (
	MaxMessage = 256 << 10 // bytes of a message
	MaxKey     = 128       // bytes of a key
	MaxValue   = 4 << 10   // bytes of a value
	maxKeys    = 256       // keys of one member, deleted ones among them
	maxState   = 64 << 10  // bytes of one member's records
	maxMembers = 4096

	maxDigest     = 512 // members in a digest; more rotate
	maxNew        = 64  // members that one message may introduce
	maxNewPerHour = 256 // … and one peer in an hour
	maxWindow     = 1000

	// maxIncarnation is a time of start that no clock shows. Only a member can
	// raise its own incarnation, and it can always outdo itself up to here.
	maxIncarnation = 1 << 53
)

// What one peer may cost.
const (
	messagesPerInterval = 20 // of one peer; what exceeds them is dropped
	messagesBurst       = 60
	checksPerSecond     = 500 // signatures of one peer's messages
	checksBurst         = 2000
	answersPerInterval  = 128 << 10 // bytes of records that a peer is answered with
	answersBurst        = 4 * answersPerInterval
	strikes             = 3 // bad messages until a peer is blocked
	blockTime           = 10 * time.Minute
)

// What one member may say, by whomever it comes: whatever one says goes to all,
// and by all.
const (
	inflowPerInterval = 64 << 10 // bytes of records
	inflowBurst       = 256 << 10
)

// When things happen to a member.
const (
	unknownTime  = 30 * time.Second // without a heartbeat
	minSamples   = 3                // intervals before there is a verdict
	maxIntervals = 10               // a silence of more intervals is no sample
)
