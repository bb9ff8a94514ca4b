package labour

import (
	"context"
	"crypto/sha256"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata" // a machine may have none

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/hive"
)

// An owner's hours: none are all, and they may go over midnight.
func TestHours(t *testing.T) {
	for text, want := range map[string][24]bool{
		"":     {true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true},
		"1-3":  {1: true, 2: true},
		"22-1": {0: true, 22: true, 23: true},
		"23-0": {23: true},
		"0-1":  {0: true},
	} {
		w, err := wishOf(control.VolunteerRequest{Hours: text})
		if err != nil {
			t.Fatal(err)
		}
		l := &Labour{}
		for hour, now := range want {
			if w.at(time.Date(2026, 6, 1, hour, 59, 59, 0, time.Local)) != now {
				t.Errorf("%q at %d: %v", text, hour, !now)
			}
		}
		if l.wish = w; l.volunteering().Hours != text {
			t.Errorf("%q is told as %q", text, l.volunteering().Hours)
		}
	}
	for _, text := range []string{"7", "7-", "-7", "7-7", "24-1", "1-24", "-1-5", "1-5 ", "01-5", "7:00-8:00"} {
		if _, err := wishOf(control.VolunteerRequest{Hours: text}); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// On the days on which clocks are changed the hours are those that they show.
func TestHoursWhenClocksChange(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		day   time.Time // its midnight
		hours string
		want  time.Duration
	}{
		{time.Date(2026, 3, 29, 0, 0, 0, 0, berlin), "2-4", time.Hour}, // 2:00 is 3:00
		{time.Date(2026, 3, 29, 0, 0, 0, 0, berlin), "2-3", 0},
		{time.Date(2026, 10, 25, 0, 0, 0, 0, berlin), "2-4", 3 * time.Hour}, // 3:00 is 2:00
		{time.Date(2026, 10, 25, 0, 0, 0, 0, berlin), "22-7", 10 * time.Hour},
	} {
		w := Wish{Hours: tt.hours}
		var sum time.Duration
		for at := tt.day; at.Day() == tt.day.Day(); at = at.Add(time.Minute) {
			if w.at(at) {
				sum += time.Minute
			}
		}
		if sum != tt.want {
			t.Errorf("%s on %v: %v, want %v", tt.hours, tt.day, sum, tt.want)
		}
	}
}

// silentHost is a host that nobody reaches.
type silentHost struct {
	host.Host
	id peer.ID
}

func (h silentHost) ID() peer.ID                                         { return h.id }
func (h silentHost) SetStreamHandler(protocol.ID, network.StreamHandler) {}
func (h silentHost) RemoveStreamHandler(protocol.ID)                     {}

// A volunteer's bees begin with the owner's hours and end with them, over
// midnight too. What a bee is at when they end is given back, or its lease goes by. The unit here is one
// whose module nobody has: a bee keeps it for some seconds, gives it back and gets it again.
func TestHoursAreKept(t *testing.T) {
	zone := time.Local
	defer func() { time.Local = zone }()
	for _, tt := range []struct {
		begin         time.Duration // two minutes before the full hour
		before, after bool
	}{
		{23 * time.Hour, false, true},
		{24 * time.Hour, true, true},
		{7 * time.Hour, true, false},
	} {
		time.Local = time.FixedZone("", int((tt.begin-2*time.Minute).Seconds())-24*3600) // a bubble begins at 0:00 UTC
		synctest.Test(t, func(t *testing.T) {
			l, stop := running(t)
			defer stop()
			if _, err := l.Volunteer(t.Context(), control.VolunteerRequest{Slots: 1, Hours: "23-7"}); err != nil {
				t.Fatal(err)
			}
			for _, now := range []bool{tt.before, tt.after} {
				time.Sleep(lookEvery + time.Second)
				begun, bees := standing(t, l)
				time.Sleep(2*time.Minute - lookEvery - 2*time.Second)
				ended, _ := standing(t, l)
				if (bees > 0) != now || (ended.Begun > begun.Begun) != now || (ended.Active > 0) != now {
					t.Errorf("at %v: %d bees, %d attempts more, then %+v", time.Now(), bees, ended.Begun-begun.Begun, ended)
				}
				time.Sleep(time.Second)
			}
		})
	}
}

// running is a node's labour whose own hive has one unit.
func running(t *testing.T) (l *Labour, stop func()) {
	t.Helper()
	self := peer.ID("\x00\x04self")
	l, err := New(Config{Dir: t.TempDir(), Host: silentHost{id: self}, Mesh: "main", Offers: func() []peer.ID { return nil }, Proof: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	h, err := l.opened(ctx)
	if err == nil {
		err = h.Create(ctx, work.Project{
			Name: "p", Program: work.Program{Kind: work.WASM, Module: make([]byte, sha256.Size)}, Policy: work.Policy{Own: true},
		})
	}
	if err == nil {
		_, err = h.Add(ctx, "p", work.Unit{Input: []byte("0")})
	}
	if err != nil {
		stop()
		t.Fatal(err)
	}
	return l, stop
}

// standing is how the unit stands, and how many bees there are.
func standing(t *testing.T, l *Labour) (hive.Status, int) {
	t.Helper()
	s, err := l.current().Show(t.Context(), "p")
	if err != nil {
		t.Fatal(err)
	}
	return s, len(l.volunteering().At)
}
