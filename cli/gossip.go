package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	urfave "github.com/urfave/cli/v2"

	"github.com/batchain/batchain/node/control"
)

func gossipCommand() *command {
	return &command{
		name: "gossip", args: "watch", group: groupNodes, brief: "what the running node hears of the other members",
		subs: []*command{{
			name: "watch", group: groupNodes, brief: "tell what happens to members as it happens, until Ctrl-C or --timeout",
			details: "new        a member was heard of          dead       it is silent, and nobody got an answer from it\n" +
				"live       it lives, or lives again       left       it said goodbye\n" +
				"suspect    it is silent, and is asked     restarted  it began a new life\n" +
				"forgotten  it has been gone for a day     update     it says something else of itself\n" +
				"alone      nobody is heard: this node itself may be cut off",
			run: runGossipWatch,
		}},
	}
}

// memberEvent is what happened to a member, as the node tells it and as
// gossip watch --json passes it on.
type memberEvent struct {
	Time    time.Time       `json:"time"`
	Peer    string          `json:"peer"`
	Key     string          `json:"key,omitempty"`     // of an update
	Value   json.RawMessage `json:"value,omitempty"`   // … where the node can read it
	Deleted bool            `json:"deleted,omitempty"` // … it is no more
	Missed  int             `json:"missed,omitempty"`  // events dropped before this one
}

// memberEvents is what the types of the node's events about members begin with.
const memberEvents = "member_"

func runGossipWatch(ctx context.Context, s *session, _ *urfave.Context) error {
	client, err := s.running(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	body, err := client.Open(ctx, "/events")
	if err == nil {
		err = s.watchMembers(body)
		body.Close()
	}
	stopped, late := new(interruption), new(timedOut)
	if cause := context.Cause(ctx); errors.As(cause, &stopped) || errors.As(cause, &late) {
		return nil // it ends no other way
	}
	return err
}

// watchMembers tells events until there are no more of them, or nobody reads.
func (s *session) watchMembers(body io.Reader) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		var head struct {
			Type string `json:"type"`
			memberEvent
		}
		if err := json.Unmarshal(lines.Bytes(), &head); err != nil {
			return control.NewError(control.ExitUnclassified, 21, "the node's answer makes no sense: %w", err)
		}
		kind, about := strings.CutPrefix(head.Type, memberEvents)
		if !about {
			continue
		}
		s.out.item(kind, head.memberEvent, head.text(kind))
		if s.out.isBroken() {
			return nil
		}
	}
	return control.NewError(control.ExitNeedsNode, 3, "the node ended").Wrap(lines.Err()).Try("batchain node")
}

// maxEvent bounds one event, in bytes.
const maxEvent = 64 << 10

func (e memberEvent) text(kind string) string {
	text := fmt.Sprintf("%s  %-9s  %s", e.Time.Local().Format(time.TimeOnly), kind, e.Peer)
	switch {
	case e.Deleted:
		text += "  " + printable(e.Key) + " is said no more"
	case e.Key != "":
		text += "  " + printable(e.Key) + " " + printable(string(e.Value))
	}
	if e.Missed > 0 {
		text += fmt.Sprintf("  (%d events before this one were missed)", e.Missed)
	}
	return strings.TrimRight(text, " ")
}
