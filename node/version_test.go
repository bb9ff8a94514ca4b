package node

import (
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	commit := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "true"}}
	for _, c := range []struct {
		version  string
		settings []debug.BuildSetting
		want     string
	}{
		{"v1.2.3", commit, "1.2.3"},
		{"(devel)", commit, "dev+0123456789ab.changed"},
		{"", commit[:1], "dev+0123456789ab"},
		{"(devel)", nil, "dev"},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: c.version}, Settings: c.settings}
		if got := describe(info); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
