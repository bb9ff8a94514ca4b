package work

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the originals do, what must not go wrong as it does with them, and the tests that
// fail when it is otherwise here. A name without a package is of this one; behind a slash
// stands a part of a test, or a script of package cli. Where something else stands in the
// place of what they have, the row says so.
var guarded = []struct{ what, tests string }{
	// Settings of a hive, with what is taken when nobody says anything.
	{"port to listen at: the node's own, nothing besides", "node.TestValidate node.TestLoadConfigReadsEveryKey worktest.TestMeshOfBees"},
	{"time for a unit 60 s, renewed by heartbeats; none below 1", "TestDefaults hive.TestVanishedBee hive.TestHeartbeatRenewsTheLease TestNoLeaseWithoutOne"},
	{"time for a silent connection 30 s", "dispatch.TestDefaults dispatch.TestIdleStreamEnds"},
	{"time between looks for what is over 10 s: but leases end by themselves", "hive.TestIdleHiveRests hive.TestSilentLeaseEndsByItself"},
	{"results that complete a workgroup 10", "TestDefaults TestJudgeByVotes hive.TestGroupIsNoLargerThanItIs"},
	{"strength of the proof of work 20 bits; none below 0", "hive.TestDefaults TestDoorman hive.TestAdmission hive.TestOpenDoor"},
	{"key of the server: the node's identity", "node.TestKeysAreMadeOnceAndArePrivate node.TestBadKeysAreRefusedAndKept"},
	{"registration closed, and lists of who may and who may not", "hive.TestAdmission hive.TestOpenDoor node.TestLoadConfigReadsEveryKey"},
	{"database: in the node's home, and one process has it", "hive.TestOpenedAgain hive.TestOpenRefuses node.TestHomeIsOneNodes"},
	// Settings of a client.
	{"where the hive is: a peer id, an address, or what the mesh offers", "cli.TestScripts/worknodes node.TestOffersAreToldInSteps"},
	{"key of the server: its peer id", "TestDoorman dispatch.TestHostileHive"},
	{"strength of the proof: said in the challenge", "hive.TestAdmission TestSolveHasItsLimits"},

	// What a hive is told, and tells.
	{"it starts", "hive.TestOpenRefuses Example"},
	{"units are made when bees are about to need them, until there are none", "hive.TestSource labour.TestUnitsOfEveryKind"},
	{"a unit of nothing, zero or false is one", "hive.TestNothingIsAUnitToo"},
	{"the owner judges a workgroup: valid, with a value; or not", "hive.TestValidators TestJudge validator.TestCommands"},
	{"answers are averaged, voted on, or compared in part", "TestJudgeNumbers TestJudgeByVotes TestJudgeByCredibility"},
	{"a datachunk is told", "hive.TestResultBecomesDatachunk hive.TestAcknowledge hive.TestEventsAreInOrderAndStay"},
	{"datachunks are put in order: here they come in order", "hive.TestResultBecomesDatachunk worktest.TestKilledHiveLosesNothing"},
	{"it stops, and those that wait for it are told", "hive.TestEndWakesEverybody bee.TestBeeGivesBackAtItsEnd"},
	// What a bee is told, and tells.
	{"it is registered, and then may ask", "hive.TestAdmission dispatch.TestCallsAndAnswers hive.TestEndWakesEverybody"},
	{"it asks for work, one unit or many", "hive.TestQuota bee.TestAllTasksAreDone bee.TestAnswerBringsTheNextTask"},
	{"it hands in, and may do so again", "hive.TestBadSubmissions bee.TestLostAnswers bee.TestHiveIsAway"},
	{"it goes on, and tries again", "bee.TestHiveIsAway bee.TestEfficiency"},
	{"errors by name and by group, on both ends; unknown ones", "TestErrorsCrossTheWire TestUnknownErrorsCrossTheWire dispatch.TestErrorsReachTheBee"},

	// Errors. Those of keys, encryption and signatures, and of handshakes and verification in
	// general, are what libp2p's own connections fail with: their names stay, for peers.
	{"every name, group and code", "TestErrorsCrossTheWire"},
	{"Database: Generic", "hive.TestDamagedRow"},
	{"Database: NotFound", "hive.TestAcknowledge hive.TestCancel cli.TestScripts/worknodes"},
	{"… of results that are late or were not asked for: SubmitLate, SubmitNotAssigned", "hive.TestBadSubmissions hive.TestVanishedBee"},
	{"Generic: PayloadMissing, ParametersMissing, SecurityInformationMissing", "dispatch.TestHostileRequests"},
	{"Handshake: Generic", "TestDoormanForgetsOnlyWhatHasExpired"},
	{"Handshake: ProofOfWorkFailure", "TestDoorman hive.TestAdmission"},
	{"Verification: NotExecuted, RegistrationClosed", "hive.TestAdmission hive.TestResultsThatBelongNowhere"},
	{"Request: NoWork is an answer, with when to ask again", "hive.TestPauseAndResume hive.TestGroupIsNoLargerThanItIs"},
	{"Request: PendingWork", "hive.TestQuota hive.TestNewBeesShareLittle"},
	{"Submit: NoData", "hive.TestBadSubmissions"},
	{"Security: InvalidKey, VerificationFailure", "dispatch.TestHostileRequests hive.TestOpenDoor"},

	// The ways to take part.
	{"in the process, on both sides", "Example bee.TestAllTasksAreDone hive.TestValidators"},
	{"as a program in any language: on the hive's side", "exec.TestSource exec.TestHostileSources labour.TestSourceGoesOn validator.TestPython"},
	{"… and on the bee's", "exectest.TestWorkerInGo exectest.TestWorkerInPython exectest.TestWorkerInPerl exectest.TestWorkerOfTheDocument exec.TestExamples"},
	{"by a database", "table.TestSQLite table.TestPostgres cli.TestScripts/workstores"},
	{"… or a folder, which both sides of another program see", "spool.TestStore spool.TestMeddling cli.TestScripts/workstores"},
	// Notes.
	{"the protocol may change: it has versions, and bytes that stay", "dispatch.TestGoldenMessages hive.TestGoldenRows hive.TestRowsOfOtherVersionsAreRefused exec.TestLinesAreAsTheyWere labour.TestFormats"},
	{"progress was not saved: here all of it is", "worktest.TestKilledHiveLosesNothing hive.TestOpenedAgain cli.TestKilledHiveAndBees"},
	{"a bee had to remember what it had: here it asks", "hive.TestBeeThatStartsAgainGetsItsTasksBack"},
	{"the first example: pi by a series", "demo.TestEveryDemoHolds exec.TestSource"},
	{"distinct volunteers in a workgroup", "hive.TestDistinctBees TestAdmits"},
	{"a result that fails the check empties the group, and others are asked", "TestStepProperties TestJudgeByVotes TestDisagreementIsBlamedLater"},

	// Faults of the originals.
	{"progress is lost", "worktest.TestKilledHiveLosesNothing"},
	{"the database is no safe way", "table.TestSQLiteKilled table.TestPostgres/killed spool.TestKilled"},
	{"any update may break it", "dispatch.TestGoldenMessages hive.TestGoldenRows"},
	{"the server makes its clients' keys", "node.TestKeysAreMadeOnceAndArePrivate"},
	{"a login signs always the same, and may be replayed", "TestDoorman dispatch.TestHostileRequests"},
	{"a malformed handshake ends the server", "dispatch.TestHostileRequests dispatch.FuzzParseMessage"},
	{"a client that starts again has forgotten the strength", "hive.TestAdmission hive.TestTicketEndsAndWorkRenewsIt"},
	{"it looks for what is over a thousand times a second, and takes it from the wrong one", "hive.TestIdleHiveRests hive.TestVanishedBee TestStepProperties"},
	{"a group gets one member too many", "hive.TestGroupIsNoLargerThanItIs"},
	{"an error that does not exist ends the server", "hive.TestDamagedRow TestErrorsCrossTheWire"},
	{"a late result is lost", "hive.TestVanishedBee TestAttempt"},
	{"what does not agree goes to the same people again, for ever", "hive.TestDistinctBees TestGroupFails TestDisagreementIsBlamedLater hive.TestCaughtBeeIsOut"},
	{"two handshakes and two proofs for each unit", "hive.TestTicketEndsAndWorkRenewsIt hive.TestQuota bee.TestEfficiency"},
	{"clients are sent stack traces", "dispatch.TestNoTraceReachesAPeer hive.TestDamagedRow bee.TestPrograms exec.TestModulesSeeNothingElse exec.TestHostileCommands"},
	{"a verdict comes twice", "validator.TestSecondVerdict"},
	{"names cost next to nothing", "hive.TestDefaults TestTrust hive.TestDistinctBees hive.TestNewBeesShareLittle"},
	{"there is no sandbox", "exec.TestNobodyGetsOut exec.TestModulesSeeNothingElse exec.TestFailsClosed"},
	{"a result has to fit in a document: larger ones are files of the mesh", "labour.TestFilesOfTheMesh hive.TestTooLargeResultIsRejected"},

	// Bad input.
	{"malformed and oversized submissions", "dispatch.TestHostileRequests dispatch.FuzzParseMessage hive.TestBadSubmissions hive.TestTooLargeResultIsRejected"},
	{"early, late, doubled, forged and foreign ones; a result of a unit never assigned", "hive.TestResultsThatBelongNowhere hive.TestBadSubmissions hive.TestTokens"},
	{"a claim of other fuel", "hive.TestFuelIsPartOfTheAnswer"},
	{"a replayed proof of work", "TestDoorman hive.TestAdmission"},
	{"a bee that takes work and vanishes", "hive.TestVanishedBee worktest.TestKilledHiveLosesNothing cli.TestKilledHiveAndBees"},
	{"one that answers rubbish, fast", "worktest.TestFirstCheatHoldsUpNobody worktest.TestRealCheatsAreDear hive.TestCaughtBeeIsOut hive.TestQuota"},
	{"cheats that act together", "TestCheatsAreDearAndHonestWorkIsNot hive.TestNewBeesShareLittle TestTrust"},
	{"a child that opens the owner's files to others, keeps what was open, takes memory that is not counted", "exec.TestNobodyGetsOut"},
	{"a child that leaves what nobody may list, or outlives its node", "exec.TestNothingIsLeftInABox exec.TestNoOrphans exec.TestNobodyGetsOut"},
	{"a project that asks for more than the owner of a bee gives", "hive.TestOwnersGiveWhatTheyGive TestWishLacks labour.TestWishBoundsUnits labour.TestHours exec.TestDeniedUnits"},
	{"few bees that wait for each other", "hive.TestNewBeesWaitForNobody worktest.TestFewNewBeesDoNotWait hive.TestNothingStandsStill bee.TestAnswerBringsTheNextTask"},
	{"a module that loops, allocates or writes without end, traps, or is none", "exec.TestModules exec.TestHugeTable exec.TestNoModules exec.TestDamagedModules"},
	{"a compile bomb", "exec.TestCompileBombs"},
	{"a child that forks, opens sockets, reads outside", "exec.TestNobodyGetsOut"},
	{"a child that hangs, dies, floods, writes no lines, or allocates", "exec.TestHostileCommands exec.TestNoOrphans"},
	{"the hive's disk is full", "hive.TestFullDisk hive.TestDiskOfOthersIsFull hive.TestDueOnFullDisk hive.TestCancelAgain"},
	{"a clock that is set by hours, at either end of a lease or over a restart", "hive.TestClockIsSet"},
	{"results that would make a transaction too large", "hive.TestOneResultEndsManyLargeUnits hive.TestOneMessageEndsManyLargeInputs"},
	{"answers that come faster than their validator judges", "hive.TestAnswersWaitOnTheDisk"},
	{"an owner's hours", "labour.TestHoursAreKept labour.TestHours labour.TestHoursWhenClocksChange"},
	{"a project that takes all bees, because it had none for long", "hive.TestFairSharing hive.TestIdleProjectSavesNothingUp"},
	{"the database is gone, and back", "table.TestPostgres/gone_and_back table.TestPostgres/killed_in_the_middle_of_import table.TestPostgres/killed_in_the_middle_of_export"},
	{"a validator that panics, hangs or lies: a function, a program, a module", "hive.TestValidators validator.TestCommands validator.TestModule TestValidatorThatBreaksThriceFailsTheUnit"},
	{"a source that panics or hangs", "hive.TestSource exec.TestHostileSources"},
	{"a hive that lies to its bees", "dispatch.TestHostileHive bee.TestTooMuchFromTheHive"},
	{"parsers of outside bytes", "dispatch.FuzzParseMessage hive.FuzzParseRow exec.FuzzMessage meter.FuzzRewrite labour.FuzzProject"},
}

// folders are where the tests of packages are.
var folders = map[string]string{
	"bee": "bee", "dispatch": "dispatch", "exec": "exec", "exectest": "exec/exectest", "hive": "hive", "meter": "exec/meter", "spool": "spool",
	"table": "table", "validator": "validator", "worktest": "worktest",
	"cli": "../cli", "demo": "../demo", "labour": "../node/labour", "node": "../node",
}

var (
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w*)\(`)
	testPart = regexp.MustCompile(`t\.Run\("([^"]+)"`)
)

// Every test that the table names is there.
func TestGuardsExist(t *testing.T) {
	known := map[string]map[string]bool{}
	for _, g := range guarded {
		for _, name := range strings.Fields(g.tests) {
			pkg, test, other := strings.Cut(name, ".")
			dir := folders[pkg]
			if !other {
				dir, test = ".", name
			}
			if dir == "" {
				t.Errorf("%s: package of %s", g.what, name)
				continue
			}
			if known[dir] == nil {
				known[dir] = testsIn(t, dir)
			}
			if test, part, ofIt := strings.Cut(test, "/"); !known[dir][test] || ofIt && !known[dir]["/"+part] {
				t.Errorf("%s: there is no %s", g.what, name)
			}
		}
	}
}

// testsIn returns the names of the tests in a folder, and of their parts and scripts.
func testsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(files), err)
	}
	names := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
		for _, m := range testPart.FindAllSubmatch(text, -1) {
			names["/"+strings.ReplaceAll(string(m[1]), " ", "_")] = true
		}
	}
	scripts, err := filepath.Glob(filepath.Join(dir, "testdata", "script", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts {
		names["/"+strings.TrimSuffix(filepath.Base(script), ".txt")] = true
	}
	return names
}
