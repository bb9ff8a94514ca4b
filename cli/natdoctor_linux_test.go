package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/demo/natlab"
)

// Doctor says of each kind of NAT what it is, and whether there is something to do.
func TestNATDoctor(t *testing.T) {
	l := newLand(t)
	l.node(l.site(natlab.None, 1).Machines[0], "--no-mdns") // a second one that sees ports
	for kind, want := range map[natlab.Kind]struct {
		code int
		text string
	}{
		natlab.Preserving: {0, "keeps ports"},
		natlab.Double:     {0, "keeps ports"},
		natlab.Symmetric:  {3, "another port for each peer"},
		natlab.UPnP:       {0, "maps a port"},
	} {
		n := l.node(l.site(kind, 1).Machines[0], "--no-mdns")
		var said string
		l.until(30*time.Second, string(kind)+" is told", func() bool {
			code, lines, err := n.Command(t.Context(), "doctor")
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range lines {
				if line["check"] == "reachability" {
					said, _ = line["text"].(string)
				}
			}
			return code == want.code && strings.Contains(said, want.text)
		})
		t.Logf("%s: %s", kind, said)
	}
}
