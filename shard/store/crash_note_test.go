package store

import (
	"slices"
	"testing"
)

// putNotesAndDelete puts a note, its successor, and deletes the file, which has
// a shard, too.
func putNotesAndDelete(t testing.TB, s *Store, arm func()) error {
	o := newOwner(t, 1)
	data := fixedBytes(1, 5000)
	mustReceive(t, s, o.lot(t, data, 0, 0), data)
	mustPutNote(t, s, o.note(t, 7, 1, fixedBytes(1, 100)))
	arm()
	mustPutNote(t, s, o.note(t, 7, 2, fixedBytes(2, 40_000)))
	_, err := s.Delete(o.grant)
	return err
}

// TestCrashWithNotes kills a process after each step of what becomes of a note.
func TestCrashWithNotes(t *testing.T) {
	for at, want := range map[string][]uint64{
		"index synced#1":   {2},
		"index synced#2":   nil,
		"delete indexed#1": nil,
		"file removed#1":   nil,
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			runUntilKilled(t, dir, "note", at, 0)
			h := &home{dir: dir}
			h.open(t)
			defer h.close(t)
			checkWhole(t, h.store)
			var seqs []uint64
			notes, _ := notesAt(t, h.store, newOwner(t, 1).grant.Locator)
			for _, n := range notes {
				seqs = append(seqs, n.Seq)
			}
			if !slices.Equal(seqs, want) {
				t.Errorf("notes %v after the crash, not %v", seqs, want)
			}
		})
	}
}
