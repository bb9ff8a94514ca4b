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

	// Wherever a receipt is signed.
	ReplaysReceipt   Trick = "replays a receipt"   // the first that it ever signed
	ForgesReceipt    Trick = "forges a receipt"    // signed with another key
	ShortLease       Trick = "promises a minute"   // good signature, wrong lease
	BackdatesReceipt Trick = "signs for yesterday" // what a replay a day later is

	// At OFFER.
	StoresWrongBytes Trick = "stores wrong bytes"       // good receipt, damaged shard
	StoresNothing    Trick = "stores nothing"           // good receipt, NOT_FOUND
	StallsOffer      Trick = "stalls at 99 % of OFFER"  // stops reading
	RejectsLate      Trick = "rejects half way"         // FULL after half of the bytes
	BreaksOffer      Trick = "resets half way"          // as a crash would
	NoReceipt        Trick = "takes all, says nothing"  // never a RECEIPT
	ReadyBeyond      Trick = "wants bytes past the end" // READY beyond the length
	HasItAlready     Trick = "says DONE at once"        // good receipt for bytes it never saw

	// At FETCH.
	SendsWrongBytes Trick = "sends wrong bytes"
	SendsShort      Trick = "sends half and closes"
	SaysOtherLength Trick = "says another length"
	StallsFetch     Trick = "stalls at 99 % of FETCH"

	// At AUDIT.
	KeepsHashes       Trick = "keeps hashes only"       // the parents are right, the leaves made up
	ProvesOtherLeaf   Trick = "proves another leaf"     // of the same shard
	ProvesOtherShard  Trick = "proves another shard"    // of the same length
	ProvesOtherLength Trick = "proves another length"   // the header is one more
	ProvesDamaged     Trick = "proves damaged bytes"    // the last one is flipped
	ProvesTooMuch     Trick = "proves too much"         // a slice more than were asked for
	ProvesTooLong     Trick = "declares a 2 GiB slice"  //
	ProofStalls       Trick = "stalls at half of PROOF" // after the frame

	// At RENEW.
	RenewsTwice  Trick = "renews one shard twice"
	RenewsOthers Trick = "renews what was not asked" // all of the file
	EndlessPages Trick = "pages without end"         // no receipt, always a cursor

	// At NOTE_GET.
	SendsStaleNotes   Trick = "sends the oldest note"
	SendsForgedNotes  Trick = "sends a forged note"
	SendsDamagedNotes Trick = "sends a damaged note"
	SendsStrangeNotes Trick = "sends a stranger's note" // under this locator, all signatures in order
	SendsOtherNotes   Trick = "sends notes of elsewhere"
	SendsManyNotes    Trick = "sends 17 notes"
	SendsHugeNotes    Trick = "declares a 2 GiB note"

	// At TURN.
	ForgetsCharge    Trick = "forgets its charge" // and takes it again
	AlwaysAtWork     Trick = "is always at work"
	NamesManyKeepers Trick = "names 17 keepers"
)

// Tricks is every trick.
var Tricks = []Trick{
	NeverAnswers, Rubbish, HugeFrame, Malformed, OtherAnswer, EndlessHints, HangsUp,
	StoresWrongBytes, StoresNothing, StallsOffer, RejectsLate, BreaksOffer, NoReceipt,
	ReplaysReceipt, ForgesReceipt, ShortLease, BackdatesReceipt, ReadyBeyond, HasItAlready,
	SendsWrongBytes, SendsShort, SaysOtherLength, StallsFetch,
	KeepsHashes, ProvesOtherLeaf, ProvesOtherShard, ProvesOtherLength, ProvesDamaged,
	ProvesTooMuch, ProvesTooLong, ProofStalls,
	RenewsTwice, RenewsOthers, EndlessPages,
	SendsStaleNotes, SendsForgedNotes, SendsDamagedNotes, SendsStrangeNotes, SendsOtherNotes,
	SendsManyNotes, SendsHugeNotes,
	ForgetsCharge, AlwaysAtWork, NamesManyKeepers,
}
