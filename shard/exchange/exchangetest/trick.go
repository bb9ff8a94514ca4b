package exchangetest

// Trick is one way in which a host lies.
type Trick string

// The tricks. Whatever a trick does not say is done honestly.
const (
	// At any request.
	NeverAnswers Trick = "never answers"         // reads, says nothing
	Rubbish      Trick = "answers rubbish"       // bytes that are no frame
	HugeFrame    Trick = "declares 4 GiB"        // a READY or BYTES frame of 2³²−1
	Malformed    Trick = "answers bad CBOR"      // a frame whose payload is not CBOR
	OtherAnswer  Trick = "answers out of place"  // a HELD frame whatever was asked
	EndlessHints Trick = "hints without end"     // only frames that may be skipped
	HangsUp      Trick = "closes without a word" // no answer at all

	// At OFFER.
	StoresWrongBytes Trick = "stores wrong bytes"       // good receipt, damaged shard
	StoresNothing    Trick = "stores nothing"           // good receipt, NOT_FOUND
	StallsOffer      Trick = "stalls at 99 % of OFFER"  // stops reading
	RejectsLate      Trick = "rejects half way"         // FULL after half of the bytes
	BreaksOffer      Trick = "resets half way"          // as a crash would
	NoReceipt        Trick = "takes all, says nothing"  // never a RECEIPT
	ReplaysReceipt   Trick = "replays a receipt"        // the first that it ever signed
	ForgesReceipt    Trick = "forges a receipt"         // signed with another key
	ShortLease       Trick = "promises a minute"        // good signature, wrong lease
	ReadyBeyond      Trick = "wants bytes past the end" // READY beyond the length
	HasItAlready     Trick = "says DONE at once"        // good receipt for bytes it never saw

	// At FETCH.
	SendsWrongBytes Trick = "sends wrong bytes"
	SendsShort      Trick = "sends half and closes"
	SaysOtherLength Trick = "says another length"
	StallsFetch     Trick = "stalls at 99 % of FETCH"
)

// Tricks is every trick.
var Tricks = []Trick{
	NeverAnswers, Rubbish, HugeFrame, Malformed, OtherAnswer, EndlessHints, HangsUp,
	StoresWrongBytes, StoresNothing, StallsOffer, RejectsLate, BreaksOffer, NoReceipt,
	ReplaysReceipt, ForgesReceipt, ShortLease, ReadyBeyond, HasItAlready,
	SendsWrongBytes, SendsShort, SaysOtherLength, StallsFetch,
}
