package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node/control"
)

func statusCommand() *command {
	return &command{
		name: "status", group: groupNodes, brief: "how the running node is",
		run: func(ctx context.Context, s *session, _ *urfave.Context) error {
			client, err := s.running(ctx)
			if err != nil {
				return err
			}
			defer client.Close()
			status, err := client.Status(ctx)
			if err != nil {
				return err
			}
			s.out.item("status", status, statusText(status))
			return nil
		},
	}
}

func statusText(st control.Status) string {
	up := (time.Duration(st.UptimeS) * time.Second).String()
	rows := [][2]string{
		{"node", fmt.Sprintf("%s  up %s  mesh %s  %s", st.PeerID, up, printable(st.Mesh), printable(st.Version))},
		{"reachability", printable(st.Reachability)},
		{"disk", fmt.Sprintf("%s of %s given, in %s", bytesText(st.Used), bytesText(st.Capacity), english.Plural(int(st.Shards), "shard", ""))},
		{"peers", fmt.Sprint(st.Peers)},
		{"members", membersText(st.Members)},
		{"devices", devicesText(st.Devices)},
	}
	for i, addr := range st.Addrs {
		label := ""
		if i == 0 {
			label = "addresses"
		}
		rows = append(rows, [2]string{label, addr})
	}
	return unindent(columns(rows))
}

// membersText counts the other members of the mesh by state.
func membersText(counts map[string]int) string {
	var parts []string
	for _, state := range []string{"live", "suspect", "dead", "left", "unknown"} {
		if counts[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[state], state))
		}
	}
	if parts == nil {
		return "none heard of"
	}
	return strings.Join(parts, ", ")
}

// devicesText counts the owner's other machines.
func devicesText(count int) string {
	if count == 0 {
		return "no other of yours is seen"
	}
	return fmt.Sprintf("%d more of yours", count)
}

// unindent takes the indent of columns away, and the newline at the end.
func unindent(text string) string {
	return strings.TrimRight(strings.TrimPrefix(strings.ReplaceAll(text, "\n  ", "\n"), "  "), "\n")
}

func bytesText(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

func peersCommand() *command {
	return &command{
		name: "peers", group: groupNodes, brief: "the peers that the running node knows",
		details: "STATE  live; suspect: it is silent, and is asked; dead: it did not answer;\n" +
			"       left: it said goodbye; unknown: it was only heard of, or met before\n" +
			"PHI    how suspicious its silence is: above 5 it is asked, above 8 it is dead\n" +
			"       if nobody gets an answer from it\n" +
			"AGE    of its last heartbeat, by whomever it came\n" +
			"PATH   how this node is connected to it now: direct, relayed or none",
		run: func(ctx context.Context, s *session, _ *urfave.Context) error {
			client, err := s.running(ctx)
			if err != nil {
				return err
			}
			defer client.Close()
			peers, err := client.Peers(ctx)
			if err != nil {
				return err
			}
			if s.out.json {
				for _, p := range peers {
					s.out.line("peer", p)
				}
				return nil
			}
			rows := [][]string{{"PEER", "STATE", "PHI", "AGE", "PATH", "RTT", "FREE", "AGENT"}}
			for _, p := range peers {
				rows = append(rows, []string{
					p.PeerID, p.State, phiText(p), ageText(p.AgeS), p.Path, rttText(p.RTTms), bytesText(p.Free), printable(p.Agent),
				})
			}
			s.out.print("%s", grid(rows))
			return nil
		},
	}
}

// phiText is the suspicion of a member's silence; "-" where none is watched.
func phiText(p control.Peer) string {
	if p.State != "live" && p.State != "suspect" || p.AgeS < 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", p.Phi)
}

// ageText is how long ago a member's last heartbeat was heard.
func ageText(seconds float64) string {
	age := time.Duration(seconds * float64(time.Second))
	switch {
	case age < 0:
		return "-"
	case age < time.Minute:
		return age.Round(100 * time.Millisecond).String()
	default:
		return age.Round(time.Second).String()
	}
}

func rttText(ms float64) string {
	if ms <= 0 {
		return "-"
	}
	return time.Duration(ms * float64(time.Millisecond)).Round(100 * time.Microsecond).String()
}

func idCommand() *command {
	return &command{
		name: "id", group: groupNodes, brief: "this node's peer id, and its addresses while it runs",
		run: runID,
	}
}

type identity struct {
	PeerID string   `json:"peer_id"`
	Addrs  []string `json:"addrs"`
}

// runID asks the running node; where none runs the home knows the id alone.
func runID(ctx context.Context, s *session, _ *urfave.Context) error {
	known := identity{Addrs: []string{}}
	if client, err := s.running(ctx); err == nil {
		defer client.Close()
		status, err := client.Status(ctx)
		if err != nil {
			return err
		}
		known.PeerID, known.Addrs = status.PeerID, status.Addrs
	} else if known.PeerID, err = peerID(s.home); err != nil {
		return err
	}
	s.out.item("id", known, strings.Join(append([]string{known.PeerID}, known.Addrs...), "\n"))
	return nil
}
