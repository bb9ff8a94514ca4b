package catalogue

import (
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/batchain/batchain/shard"
)

// However devices put, delete and hear of each other, in whatever order and
// however old what they hear is: once each has heard the others' last word, all
// know the same, every file that nobody deleted, and none that somebody did.
func TestUnionIsTheSameForAll(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	rapid.Check(t, func(t *rapid.T) {
		devices := []*state{{}, {}, {}}
		put, gone := map[shard.FileID]bool{}, map[shard.FileID]bool{}
		var words []pageBlob // every slot that was ever written
		say := func(s *state) (said []pageBlob) {
			for i := range s.Pages {
				plain, err := s.blob(i)
				if err != nil {
					t.Fatal(err)
				}
				b, err := parsePage(plain, i)
				if err != nil {
					t.Fatal(err)
				}
				said = append(said, b)
			}
			return said
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			s := devices[rapid.IntRange(0, 2).Draw(t, "device")]
			id := shard.FileID{byte(rapid.IntRange(1, 12).Draw(t, "file"))}
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				s.add(row{File: id, Added: 1})
				put[id] = true
			case 1:
				s.bury(id, now.Unix())
				gone[id] = true
			case 2:
				words = append(words, say(s)...)
			default:
				if len(words) > 0 {
					s.merge(words[rapid.IntRange(0, len(words)-1).Draw(t, "word")], now)
				}
			}
		}
		var last []pageBlob
		for _, s := range devices {
			last = append(last, say(s)...)
		}
		want := maps.Clone(put)
		maps.DeleteFunc(want, func(id shard.FileID, _ bool) bool { return gone[id] })
		for i, s := range devices {
			for _, n := range rapid.Permutation(indices(len(last))).Draw(t, "order") {
				s.merge(last[n], now)
			}
			got := map[shard.FileID]bool{}
			for _, p := range s.Pages {
				for _, r := range p.Rows {
					if r.Gone == 0 {
						got[r.File] = true
					}
				}
			}
			if !maps.Equal(got, want) {
				t.Fatalf("device %d knows %v, want %v", i, got, want)
			}
			for number, word := range say(s) {
				s.Pages[number].Dirty = false
				if s.merge(word, now); s.Pages[number].Dirty {
					t.Fatal("its own word changes a page")
				}
			}
		}
	})
}

func indices(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}
