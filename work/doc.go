// Package work is what is computed by many hands and believed only when they
// agree: its words, and the decisions about them. It is pure: it knows no network,
// no disk and no clock.
//
//	project     a program, units for it, and a policy
//	unit        one input
//	workgroup   the attempts of distinct bees at one unit
//	attempt     one bee's try, under a lease
//	datachunk   what came of a unit
//
// A hive (package work/hive) makes units and judges what comes of them, a bee
// (work/bee) does them, and work/dispatch is what they say to each other. None
// of the three knows another one: all speak this package. The example shows
// them together.
//
// # Life of a unit
//
//	state       event                                              next
//	queued      a bee gets it                                      open
//	open        answers suffice, see Rules                         valid
//	open        Custom: GroupMax answers are there                 validating
//	open        the program failed in Policy.Errors bees           failed
//	open        Policy.Attempts were made without agreement        failed
//	open        answers contradict each other (Equal)              open; they count no more
//	validating  the validator believes                             valid
//	validating  it says that the answers prove nothing             open; they count no more
//	validating  it broke                                           open; the third time failed
//	any         the owner cancels the unit                         cancelled
//
// Valid, failed and cancelled are final, and each makes a datachunk. Pausing
// is a matter of the project: nothing is given out, results are taken.
//
// # Life of an attempt
//
//	state       event                               next
//	–           the bee gets the unit               leased
//	leased      heartbeat                           running, with a new lease
//	running     heartbeat                           running, with a new lease
//	leased, running   a result                      submitted
//	leased, running   lease or deadline goes by     expired
//	leased, running   the program failed            erred
//	leased, running   the bee gives it back         returned
//	leased, running   the group ends                not needed
//	expired     a result, while the group is open   late; it counts as any other
//	expired     heartbeat                           running: it was only slow
//	expired, returned   the same bee asks again     leased: it never has two attempts
//	submitted, late   the group is valid            right, wrong or unchecked
//	submitted, late   the group agreed on nothing   inconclusive; right or wrong once the answer is known
//
// [Step] decides all of this from the group, the reputations and the time. It
// is called whenever something has happened or [Decision].Next has come.
//
// # Rules
//
// Answers are compared by [DigestOf]: the SHA-256 of fuel and output, or of the
// output alone (Policy.Loose). Fuel is deterministic, so nobody can claim more
// of it than the program takes. The rules are those of [Rule]. Credible, the
// default, takes the probability of an answer a of which the bees i with trust tᵢ
// have given theirs to be
//
//	P(a) = L(a) / (Σ L(b) + N)    L(a) = Π tᵢ (who gave a) · Π 1−tⱼ (who did not)    N = Π 1−tᵢ (nobody is right)
//
// and believes it from Threshold on; from 1 − 20·(1−Threshold) on when more than one
// bee gave it. Trust is Sarmenta's credibility for spot checks with blacklisting
// (Sabotage-Tolerance Mechanisms for Volunteer Computing Systems, 2002): after k
// comparisons that a bee survived, 1 − Faulty/((1−Faulty)·k·e), and 1 − Faulty
// before. Who is caught has trust 0 for a week, twice as long each time up to eight;
// what it answered and is not yet believed counts for nothing. What a bee has
// proven is half forgotten after 30 days.
//
// With the defaults two new bees that agree suffice, and one alone is believed
// after 41 comparisons. Comparisons count from the second other bee on that it
// agreed with: two that only ever agree with each other may be one person's. What is
// believed only because two new bees agree makes no spot check: nobody is exiled on their word.
//
// Comparisons count for nothing while a bee has agreed with no more than a third of all others that
// are here, 32 at most. And who is contradicted in a group that goes on is trusted as a new bee in all
// others. So a gang that was there before others, or is faster than they, does not become their judge.
//
// Young bees are dear. In a simulation (BenchmarkCheats) of 200 bees of
// which a tenth cheats, all in the same units with the same answer, in every unit, one in
// five, in 20 or in 50:
//
//	units for each bee   executions a unit   % wrong, of the four at most
//	  10                  2.02 to 2.08        0.08
//	  20                  2.01 to 2.02        0.05
//	  40                  1.57 to 1.60        0.04
//	  60                  1.40 to 1.42        0.08
//	 200                  1.16                0.08
//	 600                  1.09                0.06
//
// Reputations belong to program and bee, not to the project, so the next project of the
// same program goes on where the last one ended. For a short one with bees that nobody knows,
// a Threshold of 0.998 costs 1.65 to 1.68 with 20 units each (0.10 % wrong), 1.25 with 60 (0.11 %); one of
// 0.99 costs 1.25 and has 0.03 to 0.6 % wrong. Ways to save that were tried and are not taken, as
// they exceed 0.1 % with cheats that lie now and then: to believe young bees
// alone by lot, as often as their doubt allows (20 units each: 1.73, 0.13 %); to begin all
// units before any is repeated (1.72, 0.18 %); to give young bees no spot checks
// (1.96, and 0.10 % with 60 units each).
//
// What a rule costs otherwise: Quorum n, n executions and more; Equal, Mean,
// Median and Custom, GroupMax.
//
// # Who works together
//
// A group has no peer twice, no owner twice, and at most Policy.Networks members
// from one /24 (IPv4) or /48 (IPv6); the hive's own peer only with Policy.Own.
//
// Where more than 1/Faulty bees are here and reputations count, bees that are not believed alone do not choose: chance
// invites one of all to the next attempt, and another one when it has not come for twice the time that a task
// takes. Such a bee begins two units, and one more for each other bee that it agreed with, before others have
// answered them. What two new bees agree on waits until the crowd has been of about the same size for a second.
//
// # Proof of work
//
// A new bee finds a nonce such that
//
//	SHA-256("batchain/work/proof/1" ‖ 0 ‖ len‖hive ‖ len‖bee ‖ strength ‖ expires ‖ salt ‖ nonce)
//
// has strength leading zero bits, where lengths and strength are a byte, expires
// and nonce 8, and the salt is an HMAC by which the hive knows its challenge again: it
// keeps nothing before a proof has come, and each proof counts once. It is bound to
// both peers and says its strength, so nobody has to know it beforehand. It is
// a price for names, no evidence of honesty.
//
// # Errors
//
// [Errors] lists those that a hive answers. Each belongs to a group, a type for
// errors.As, and crosses the wire as its code, 1000 to 1099: errors.Is and
// errors.As say the same on both ends. A message that reaches a peer holds nothing
// of the hive's own errors.
//
// # What is not promised
//
// More than Policy.Faulty cheats that act together may get wrong answers
// believed, and so may a gang that has been honest for long: a member that is believed alone lies about
// twenty times until a spot check finds it. Or one that is there before all others and agrees with itself
// until they come: while no more than 1/Faulty bees are here, who asks gets. Spot checks can be
// recognised by a gang whose members remember all inputs that any of them has seen.
// What was delivered stays delivered, when a bee is caught later. Inputs and
// outputs are not secret from the bees that work on them.
package work
