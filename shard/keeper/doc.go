// Package keeper looks after files while their owners are away: it audits them,
// renews their leases, mends them, carries their notes on, and sees to it that
// there are always enough keepers. With a repair manifest all of that is
// possible, and reading is not. The owner's own node does the same for its own
// files.
//
// # Whose turn it is
//
// All keepers of a file know one another. In each round, every 6 h, a keeper
// asks the others (TURN) how the file fares. It then works on the file unless
//
//	one of them is at it just now, or
//	a closer one answers, and a check not older than two rounds and 2 h is known to it.
//
// Closer is who has the smaller BLAKE3(peer id) XOR locator. Whoever does not
// work watches; and once a week it works all the same, so that a keeper that
// lies about its checks loses no file. Two at work at once do no harm: repairs
// choose alike, and lots have names.
//
// # Work
//
//	renew    when a third of the lease is over, daily while some host does not answer
//	audit    4 leaves of each host; the owner's -a asks for more
//	notes    daily: the newest of each writer to 8 hosts, or all that there are
//	repair   when half of the margin is gone; keepers become hosts last of all
//	hand over
//
// A round looks at 8 files at once. The first three have 5 min each, and none
// waits for the success of another. A round does not wait for the other two, which
// have 6 h: 4 charges and 4 of the owner's files at once. Files that cannot be
// checked come last in the next round. A peer that is silent costs its time once a
// round.
//
// A locator of notes only has no manifest: its holders are found by what they
// announced, and new ones among the candidates.
//
// # Hand over
//
// A keeper that has not answered from one question to another 24 h later is
// given up, and whoever works next finds another peer in its place, by lot. A
// keeper that nobody answers gives nobody up: it may be the one cut off. Those
// given up are remembered, so that no other keeper's list brings them back; when
// they speak themselves they are keepers again, beyond the number wanted. Who
// is not known to another keeper makes himself known by his TURN, whose order says
// that he keeps the file and is signed with the repair key. Those who are known
// tell one another of third ones by a KEEP without manifest.
//
// # Trust
//
// Only who has the repair key can make a charge, ask for a turn or name
// keepers. A keeper that turns hostile can name its friends, lie in its
// answers, and bring back a file's old notes; it cannot read, delete, forge a
// note, or replace a manifest or shorten a time that another peer brought; one
// that it brought itself it can shorten for an hour. Nobody else can take a file's
// place here: charges go by the grant's admin key, not by the locator alone.
//
// What peers announce is a rumour. Who announced himself as a keeper is asked for
// his TURN, is sent no key, and is kept from becoming a host only while he answers.
// Who is said to be a host is asked last to become a keeper.
//
// # Limits
//
// 16384 files and 1 GiB of manifests, of one peer 2048 and 256 MiB, of one network
// four times that, at most half of all.
//
// # Folder
//
// 0700, its files 0600, each written whole. NAME is LOCATOR-ADMIN, ADMIN the
// first 8 bytes of the admin key in hex. Numbers are CBOR keys, times Unix
// seconds, 0 for never.
//
//	NAME.charge     1 version (1)   2 grant signed   3 repair seed bytes(32)   4 from peer   5 given   6 until
//	                7 bytes of manifest   8 keepers wanted   9 others: [{1 peer [2 missed since] [3 given up bool]}] ≤ 48
//	                10 checked by any   11 … by this one   12 margin   13 margin at full placement   14 renewed
//	                15 notes seen to   [16 nothing found since]   [17 over since]   [18 last looked at]   [19 too few keepers since]
//	                [20 network text: from which it was brought]
//	NAME.batchain   the repair manifest; beside it, NAME.batchain.health
//	NAME.entrusted  who keeps a file of the owner's: 1 version (1)   2 peers ≤ 16
//	tombstones      1 version (1)   2 [[admin key bytes(32), time]] ≤ 4096: deleted while they were kept here
package keeper
