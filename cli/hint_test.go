package cli

import (
	"strings"
	"testing"
)

// What is hinted at is for the same node and mesh, whoever types it.
func TestHints(t *testing.T) {
	const addr = "/ip4/192.0.2.1/tcp/1/p2p/x"
	plain := hintsOf(strings.Fields("batchain --json=true ls --"))
	told := hintsOf([]string{"batchain", "--home=/my home", "--json=true", "--bootstrap=" + addr, "--mesh=lan", "put", "--name=n", "--", "--home=file"})
	sample := hints{common: []string{"--home=/tmp/s/node1"}, sample: []string{"--dir", "/tmp/s"}}
	bare := hints{common: []string{"--home=/tmp/s/node1"}, sample: []string{}}
	for _, c := range []struct {
		h          hints
		text, want string
	}{
		{plain, "batchain put f --scheme 2+3", "batchain put f --scheme 2+3"},
		{told, "batchain put f --scheme 2+3", "batchain --home '/my home' --bootstrap " + addr + " --mesh lan put f --scheme 2+3"},
		{told, "batchain put --bootstrap MULTIADDR f", "batchain --home '/my home' --mesh lan put --bootstrap MULTIADDR f"},
		{told, "batchain help put", "batchain help put"},
		{told, "the same command again", "the same command again"},
		{told, "use the batchain that wrote it", "use the batchain that wrote it"},
		{told, "tar c d | batchain put --name d.tar -", "tar c d | batchain --home '/my home' --bootstrap " + addr + " --mesh lan put --name d.tar -"},
		{sample, "batchain -d abc", "batchain sample --dir /tmp/s -d abc"},
		{sample, "batchain get abc --force", "batchain sample --dir /tmp/s -d abc --force"},
		{sample, "batchain ls", "batchain sample --dir /tmp/s -l"},
		{sample, "batchain sample -l", "batchain sample --dir /tmp/s -l"},
		{bare, "batchain -u FILE", "batchain sample -u FILE"},
		{sample, "batchain status", "batchain --home /tmp/s/node1 status"},
		{sample, "batchain put f --allow-colocate", "batchain --home /tmp/s/node1 put f --allow-colocate"},
	} {
		if got := c.h.say(c.text); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestShellWord(t *testing.T) {
	for value, want := range map[string]string{
		"/a/b-c_d.e": "/a/b-c_d.e", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$HOME": "'$HOME'", "/tür": "/tür", "~x": "'~x'",
	} {
		if got := shellWord(value); got != want {
			t.Errorf("%q: %s", value, got)
		}
	}
}
