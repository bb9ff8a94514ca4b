package kad

import "time"

// Parameters every node of a mesh has to agree on, more or less: a peer with
// other values works, but finds or keeps less.
const (
	// BucketSize is Kademlia's k: the length of a lookup's result, of a bucket,
	// and the number of servers a record is sent to. 20 is the value of the
	// paper (Maymounkov and Mazières 2002, section 2.1) and of kad-dht's amino.
	BucketSize = 20

	// Concurrency is Kademlia's alpha, the questions a lookup has open at once.
	// 10 is kad-dht's amino value; the paper's 3 waits longer for slow peers.
	Concurrency = 10

	// Resiliency is how many of the closest peers must have answered before a
	// lookup may end. 3 is kad-dht's amino value.
	Resiliency = 3

	// RecordValidity is how long a server keeps a provider record (kad-dht's
	// amino value, RFM 17 of Protocol Labs' network measurements).
	RecordValidity = 48 * time.Hour

	// AnnounceInterval is the time between two announcements of a locator. Two
	// of them and two hours of slack fit into RecordValidity, so one round may
	// fail (same source).
	AnnounceInterval = 22 * time.Hour
)

// Bounds in time.
const (
	// LookupTimeout ends a lookup; what is known by then is the result. At 50 ms
	// round trip a lookup among 40 nodes was measured at 150 ms.
	LookupTimeout = 3 * time.Second

	// DialTimeout is what a lookup gives a peer to accept a connection. TCP, TLS
	// and muxer take three round trips, so this reaches peers up to 300 ms away.
	DialTimeout = time.Second

	// RequestTimeout is what a lookup gives a connected peer to answer. kad-dht's
	// own is 10 s and a second try, so three hung peers cost 30 s.
	RequestTimeout = 2 * time.Second
)

// Bounds in size.
const (
	// maxPending is how many Provide and Withdraw calls wait at most, at about
	// 80 bytes each.
	maxPending = 1 << 16

	// maxProvidersPerAnswer is how many hosts are taken from one server's
	// answer. The server sends them in random order.
	maxProvidersPerAnswer = 128

	// maxRecordsOfPeer is how many provider records one peer may leave with us. A
	// record is about 150 bytes on the disk. In a mesh of N servers that is
	// 65,536 × N / 20 files on one host; beyond that, the host is still known from
	// the files' manifests.
	maxRecordsOfPeer = 1 << 16

	// maxRecords is how many provider records are kept in all, ours apart: peers
	// are free, and this is about 150 MB.
	maxRecords = 1_000_000

	// maxShut is how many unresponsive peers are remembered.
	maxShut = 1024
)

// Upkeep.
const (
	// refreshInterval is the time between two refreshes of the table: a lookup
	// of ourselves and one in each bucket nothing else has touched. 10 minutes
	// is kad-dht's default; in a mesh of 20 a refresh is about 150 questions.
	refreshInterval = 10 * time.Minute

	// rejoinInterval is the time between two visits to bootstrap peers while the
	// table is not empty, so that two halves of a mesh that started apart meet.
	rejoinInterval = 10 * time.Minute

	// watchEmpty and watchFull are how often the size of the table is looked at.
	watchEmpty = 250 * time.Millisecond
	watchFull  = 5 * time.Second

	// settleFirst and settleLast bound the pauses between the lookups after
	// joining, one of ourselves and one of a random key; each is twice the one
	// before, so there are seven in the first half minute.
	settleFirst = 500 * time.Millisecond
	settleLast  = 32 * time.Second

	// bootstrapTimeout is what a bootstrap peer gets to accept a connection; it
	// may be a satellite link away, and nobody waits for it.
	bootstrapTimeout = 10 * time.Second

	// bootstrapFirst and bootstrapMax bound the pause between two rounds that
	// nobody answered; each is half as long again as the one before, ± 50 %.
	bootstrapFirst = time.Second
	bootstrapMax   = 2 * time.Minute

	// bootstrapPeers is how many bootstrap peers are called in one round. Two
	// would do; one can be a node that knows nobody.
	bootstrapPeers = 4

	// shutFirst and shutMax bound how long an unresponsive peer is left out of
	// lookups: doubled each time, forgotten when it answers or connects.
	shutFirst = 5 * time.Second
	shutMax   = 5 * time.Minute

	// stall is how late a timer may fire before we blame ourselves.
	stall = 500 * time.Millisecond

	// announceRate is how many lookups a second the announcing may make, after
	// announceBurst at once. It keeps a mesh that refuses records from being
	// asked in a tight loop; regions of many locators need one lookup each.
	announceRate  = 10
	announceBurst = 64

	// retryAnnounce is the pause after Config.Locators or the datastore failed.
	retryAnnounce = time.Minute

	// neverOffline keeps kad-dht's sweep from dropping its queue, which it does
	// when it found nobody for that long.
	neverOffline = 100 * 365 * 24 * time.Hour

	// announceBatch is how many locators are handed to the announcer at once.
	announceBatch = 1024
)
