package gossip

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What must not go wrong, and the tests that fail when it does. Tests of package
// replica have its name before them. Benchmarks print what their tests hold at a
// smaller size.
var guarded = []struct{ what, tests string }{
	// Faults of gossipmonger and scuttlebutt.
	{"a death is noticed later, the more members there are", "TestCrashIsKnown BenchmarkCrash"},
	{"members that join at once take each other for dead", "TestJoinsKillNobody TestDetector"},
	{"who is only heard of counts as live for ever", "TestHearsayIsNotLife"},
	{"an outage makes the next death be noticed late", "TestOutageDoesNotSlowDetection TestDetector"},
	{"who restarts without memory is ignored", "TestRestartWithEmptyDisk"},
	{"anybody writes anybody's values, or locks him out by a version far ahead", "TestForgedRecordsAreRefused TestClockAhead TestIncarnationHasABound"},
	{"one message ends the process", "TestMalformed FuzzParseMessage FuzzHandle"},
	{"whoever invents members fills the memory", "TestInventedPeers TestHostileHour TestLimitsFit TestRemotesAreBounded"},
	{"the dead and the deleted stay for ever; nobody can stop or leave", "TestDeadAreForgotten TestDeletionsAreForgotten TestLeave TestMeshComesTogether"},
	{"a busy writer holds up the others", "TestHotWriterHoldsUpNobody TestRoomForFew TestUpdateIsKnown"},
	{"what the dead said last is lost", "TestLastWordsOfTheDead"},
	{"two changes of the same time leave copies different", "replica.TestEqualTimesEndEqual"},
	{"a forged change with a late time blocks its author", "replica.TestForgedUpdateBlocksNobody"},
	{"what could not be verified once is lost, or comes out of order", "replica.TestVerificationIsRetriedInOrder replica.TestWhatCannotBeVerifiedComesAgain replica.TestRefusedAuthorComesAgain"},
	{"a clock that steps back loses changes; one that is ahead wins for ever", "replica.TestClockStepsBack replica.TestClockAhead replica.TestTailRecoversFromSkew TestClockAhead"},
	{"a relay leaves something out", "TestWithheldRecordsAreFoundOut replica.TestOmissionIsFoundOut replica.TestLongAwayEndsEqual"},
	{"a signature counts elsewhere too", "TestRecordsOfAnotherMeshAreRefused replica.TestSignatureIsBoundToDocument TestGolden"},
	{"who listens changes what is taken", "replica.TestListeningChangesNothing"},
	{"some keys are special, some writings of a value are not canonical", "TestOversized TestUnknownFields replica.TestKeysMeanNothing TestGolden"},
	{"history grows for ever", "replica.TestHistoryIsBounded replica.TestTombstonesAreCollected TestDeletionsAreForgotten"},
	{"what is handed out changes later; the wall clock decides who lives", "TestCopiesAndClock TestSet"},
	{"a text passes for a version", "TestMalformed FuzzParseDigest FuzzParseBeats FuzzParseRecord"},

	// Bad input.
	{"forged", "TestForgedRecordsAreRefused TestForgedHeartbeats TestLyingHelper TestOldGoodbyesCountForNothing TestAddressesOfOthersAreNotLearnt replica.TestForgeriesEndTheStream"},
	{"replayed and reordered", "TestCrookedRelayDividesNobody TestReplayedAndReordered TestReplicasConverge replica.TestOldUpdatesAreStale"},
	{"omitted", "TestWithheldRecordsAreFoundOut replica.TestOmissionIsFoundOut"},
	{"equivocating", "TestEquivocationIsMarked TestTwoChainsDivideNobody TestTwoHistoriesBlameNobody TestTakingBackIsMarked"},
	{"a member with 100,000 invented peers", "TestInventedPeers"},
	{"oversized keys and values", "TestOversized TestFullStatesMoveOn replica.TestSizesAreBounded"},
	{"a clock a day ahead", "TestClockAhead replica.TestClockAhead"},
	{"half-open and slow streams", "TestHalfOpenStreams TestSlowReader TestLargeFrames replica.TestSilentPeersAreLeft replica.TestSlowStreamsSkip"},
	{"a partition of a minute and of a day", "TestPartitions TestIslandsMeetBySeeds TestOneWayPartition"},
	{"parsers of outside bytes", "FuzzParseMessage FuzzParseDigest FuzzParseBeats FuzzParseRecord FuzzHandle FuzzRestore " +
		"replica.FuzzParseUpdate replica.FuzzParseHeader replica.FuzzParseSources replica.FuzzChanges replica.FuzzLoad replica.FuzzReplicate"},
	{"memory with a hostile peer for an hour", "TestHostileHour replica.TestStagingIsBounded replica.TestSourcesAreBounded replica.TestRefusedSourcesAreBounded replica.TestEmptyDocumentsGo"},
	{"one has others speak ill of each other", "TestTwoChainsDivideNobody TestTwoHistoriesBlameNobody TestFullStatesMoveOn TestForgottenDeletionsAreStillTold"},
	{"one wears others out", "TestHelpersCallSeldom TestClaimedBacklogSlowsNobody TestAnswersAreBounded TestOneOwnerFloodsNobody TestMessagesAreBounded TestChecksAreBounded " +
		"TestForgedRecordsUseUpNothing TestForgedMembersPushOutNobody TestWorthlessRecordsAreCharged TestLivesAreBounded TestReplacedStatesLeaveNothing"},

	// What the originals' own tests hold: of gossipmonger …
	{"the digest", "TestDigest"},
	{"with whom it gossips, and its verdicts", "TestPartners TestVerdicts TestGossipOnce"},
	{"nothing starts by itself", "TestNewChecks TestRunAgain"},
	{"deltas that come", "TestSenderIsNoted TestUnknownSubject"},
	{"digests that come", "TestAnswerToDigest TestRoomForFew"},
	{"errors of storage and transport, changes of one's own", "TestFailuresEndRun TestSet"},
	{"a peer's state and phi", "TestAfter TestDetector TestNormalPhi TestSetBumpsVersions TestJudge"},
	{"storage, transport", "TestMemoryStore TestBadgerStore TestMemoryTransport TestLibp2pTransport"},
	// … and of scuttlebutt.
	{"history", "replica.TestUpdateIsInHistory replica.TestOldUpdatesAreStale"},
	{"two and three become equal", "replica.TestTriangleConverges replica.TestSyncedMeansEqual"},
	{"persistence", "replica.TestSavedStateIsTheSame replica.TestTornTailIsCutOff replica.TestKilledWriterLosesNothing"},
	{"headers, read-only copies", "replica.TestHeadersArrive replica.TestReadOnlyCopies"},
	{"clones, ends of streams", "replica.TestClone replica.TestCloseEndsStreams replica.TestStreamsLeaveNothing"},
	{"the types", "replica.TestChangesAreSeen replica.TestMapIterates replica.TestEventsReachEverybody replica.TestValueKeepsItsPast " +
		"replica.TestValueHoldsObjectsAndNothing replica.TestValueReplicates"},
	{"what is signed", "replica.TestAuthorWhoMayNotWriteAnyMore replica.TestForgedUpdateBlocksNobody replica.TestSignatureIsBoundToDocument"},

	// Numbers.
	{"a crash is known in 10 s", "TestCrashIsKnown BenchmarkCrash"},
	{"nobody dies in joins, nor at 10 % loss", "TestJoinsKillNobody TestLossKillsNobody BenchmarkFalseDeaths"},
	{"nor by pauses of 4 s, of a process or of its network", "TestPausesKillFew TestStallIsForgiven TestOwnPauseKillsNobody BenchmarkCurve"},
	{"who is cut off says so", "TestCutOffIsToldFirst TestAllOthersDie TestBadLinkKeepsNobodyAlive TestForgivenessEnds"},
	{"an update reaches all of 80 in a second", "TestUpdateIsKnown BenchmarkUpdate"},
	{"idle traffic", "TestIdleTraffic BenchmarkIdle"},
	{"the cost of a member in a large mesh", "TestLargeMesh TestImportantAreWatched BenchmarkLargeMesh"},
	{"the second crash is found as the first", "TestOutageDoesNotSlowDetection"},
	{"an empty disk is heard in 5 s", "TestRestartWithEmptyDisk"},
	{"the check of a record", "BenchmarkVerify"},
}

// Every test that the table names is there.
func TestGuardsExist(t *testing.T) {
	here, replicas := tests(t, "."), tests(t, "replica")
	for _, p := range guarded {
		for _, name := range strings.Fields(p.tests) {
			base, other := strings.CutPrefix(name, "replica.")
			if there := here[base] && !other || replicas[base] && other; !there {
				t.Errorf("%s: there is no %s", p.what, name)
			}
		}
	}
}

// tests returns the names of the tests in a folder.
func tests(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	names := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`).FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
	}
	return names
}
